import socket
import ssl
from email import message_from_bytes, policy

import pytest

from local.services.smtp import DROP, STALL
from slowmatch.mail.errors import Refused, Undelivered
from slowmatch.mail.smtp import Smtp
from tests.support.ports import closed_port
from tests.unit.mail.conftest import a_message, send
from tests.unit.mail.server import serving, talking

LOGIN = ("slowmatch", "correct horse")
ACCOUNT = dict(zip(("username", "password"), LOGIN, strict=True))
SHORT = 0.5
ENOUGH = 2.0
"""For the server to have everything before the stage at which it falls silent."""


def plain(port: int, **options: object) -> Smtp:
    return Smtp(**{"host": "127.0.0.1", "port": port, "security": "none", "timeout_seconds": 30.0, **options})  # type: ignore[arg-type]


def test_a_mail_arrives_as_it_was_written() -> None:
    message = a_message(text="Three records.\n.\n..and a dot\n")
    with serving() as server:
        receipt = send(message, plain(server.port))
    (envelope,) = server.envelopes
    assert receipt == "250 2.0.0 Ok: queued as 1"
    assert (envelope.mail_from, envelope.rcpt_tos) == ("slowmatch@example.com", ["one@example.com"])
    body = message_from_bytes(envelope.original_content or b"", policy=policy.default).get_body(("plain",))
    assert body is not None
    assert body.get_content() == "Three records.\r\n.\r\n..and a dot\r\n"


def test_several_mails_share_one_connection() -> None:
    with serving() as server, plain(server.port).open() as post:
        answers = [post(a_message(recipient=f"{name}@example.com")) for name in ("one", "two")]
    assert answers == ["250 2.0.0 Ok: queued as 1", "250 2.0.0 Ok: queued as 2"]
    assert server.connections == 1


def test_it_introduces_itself_by_the_name_it_was_given() -> None:
    with serving() as server:
        send(a_message(), plain(server.port, ehlo_name="example.com"))
    assert server.greeted_as == "example.com"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_starttls_encrypts_before_the_password_is_sent(server_tls: ssl.SSLContext, host: str) -> None:
    with serving(starttls=server_tls, login=LOGIN) as server:
        send(a_message(), plain(server.port, host=host, security="starttls", **ACCOUNT))
    assert len(server.envelopes) == 1
    assert (server.encrypted, server.authenticated) == (True, True)


@pytest.mark.usefixtures("trusted")
def test_tls_encrypts_from_the_first_byte(server_tls: ssl.SSLContext) -> None:
    with serving(tls=server_tls) as server:
        send(a_message(), plain(server.port, security="tls"))
    assert len(server.envelopes) == 1
    assert server.encrypted


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_an_unknown_authority_is_refused(server_tls: ssl.SSLContext, security: str) -> None:
    tls, starttls = (server_tls, None) if security == "tls" else (None, server_tls)
    with (
        serving(tls=tls, starttls=starttls) as server,
        pytest.raises(
            Refused, match=rf"certificate of SMTP server 127\.0\.0\.1:{server.port} was not issued by"
        ),
    ):
        send(a_message(), plain(server.port, security=security))
    assert server.envelopes == []


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_refused(server_tls: ssl.SSLContext) -> None:
    with (
        serving(tls=server_tls, address="127.0.0.2") as server,
        pytest.raises(Refused, match=r"belongs to another host; check SMTP_HOST"),
    ):
        send(a_message(), plain(server.port, security="tls", host="127.0.0.2"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"security": "starttls"}, r"STARTTLS.*SMTP_SECURITY"),
        ({"security": "tls"}, r"does not start with TLS.*SMTP_SECURITY"),
        (ACCOUNT, r"AUTH.*SMTP_SECRET_ARN"),
    ],
    ids=["STARTTLS", "TLS", "AUTH"],
)
def test_a_server_that_lacks_what_is_wanted_gets_nothing(options: dict[str, str], said: str) -> None:
    with serving() as server, pytest.raises(Refused, match=said):
        send(a_message(), plain(server.port, **options))
    assert server.envelopes == []


@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.1", "localhost.example.com"])
def test_plain_text_is_for_this_machine_only(host: str) -> None:
    with pytest.raises(Refused, match=r"SMTP_SECURITY: 'none' is allowed only for a server on this machine"):
        Smtp(host=host, port=25, security="none")


def test_the_password_is_not_in_what_gets_logged() -> None:
    assert LOGIN[1] not in repr(plain(587, **ACCOUNT))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("account", "said"),
    [
        (ACCOUNT | {"password": "wrong"}, r"535 5\.7\.8.*SMTP_SECRET_ARN.*app\s+password"),
        ({}, r"530 .*SMTP_SECRET_ARN: the server requires"),
    ],
    ids=["wrong password", "no account"],
)
def test_a_wrong_login_is_refused(server_tls: ssl.SSLContext, account: dict[str, str], said: str) -> None:
    with serving(starttls=server_tls, login=LOGIN) as server, pytest.raises(Refused, match=said):
        send(a_message(), plain(server.port, security="starttls", **account))


def test_a_login_that_is_refused_for_now_is_tried_again_later() -> None:
    with (
        serving({"AUTH": "454 4.7.0 Temporary authentication failure"}, login=LOGIN) as server,
        pytest.raises(Undelivered, match=r"454 4\.7\.0"),
    ):
        send(a_message(), plain(server.port, **ACCOUNT))


@pytest.mark.parametrize(
    ("stage", "look_at"),
    [("MAIL", "MAIL_SENDER"), ("RCPT", "MAIL_RECIPIENTS"), ("DATA", "the content"), ("END", "the content")],
)
def test_a_5xx_reply_is_final_and_a_4xx_reply_is_not(stage: str, look_at: str) -> None:
    with serving() as server, plain(server.port).open() as post:
        server.faults[stage] = "550 We do not like you"
        with pytest.raises(Refused, match=rf"replied: 550 We do not like you\. Check {look_at}"):
            post(a_message())
        server.faults[stage] = "451 4.7.1 Greylisted, come back"
        with pytest.raises(Undelivered, match=r"replied: 451 4\.7\.1 Greylisted, come back$") as caught:
            post(a_message())
        server.faults.clear()
        server.envelopes.clear()
        post(a_message(recipient="two@example.com"))
    assert not caught.value.outcome_unknown
    assert [envelope.rcpt_tos for envelope in server.envelopes] == [["two@example.com"]]
    assert server.connections == 1


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "CONTENT", "END", "RSET"])
def test_a_lost_connection_is_opened_again_for_the_next_mail(stage: str) -> None:
    with serving() as server, plain(server.port).open() as post:
        server.faults.update({"MAIL": "550 No", "RSET": DROP} if stage == "RSET" else {stage: DROP})
        with pytest.raises((Undelivered, Refused)):
            post(a_message())
        server.faults.clear()
        post(a_message(recipient="two@example.com"))
    assert server.envelopes[-1].rcpt_tos == ["two@example.com"]
    assert server.connections == 2


@pytest.mark.parametrize("behaviour", [DROP, STALL])
@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT"])
def test_a_line_lost_before_the_content_is_tried_again(stage: str, behaviour: str) -> None:
    with (
        serving({stage: behaviour}) as server,
        pytest.raises(Undelivered, match=rf"^SMTP server 127\.0\.0\.1:{server.port}: ") as caught,
    ):
        send(a_message(), plain(server.port, timeout_seconds=SHORT))
    assert not caught.value.outcome_unknown
    assert server.envelopes == []


@pytest.mark.parametrize("behaviour", [DROP, STALL])
@pytest.mark.parametrize("stage", ["CONTENT", "END"])
def test_a_line_lost_after_the_content_may_be_a_mail(stage: str, behaviour: str) -> None:
    with (
        serving({stage: behaviour}) as server,
        pytest.raises(Undelivered, match="will arrive twice") as caught,
    ):
        send(a_message(), plain(server.port, timeout_seconds=ENOUGH))
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("reply", ["what?", f"250 {'x' * 9_000}"], ids=["no reply", "too long"])
def test_an_unreadable_last_reply_leaves_the_outcome_unknown(reply: str) -> None:
    with serving({"END": reply}) as server, pytest.raises(Undelivered) as caught:
        send(a_message(), plain(server.port))
    assert caught.value.outcome_unknown


def test_a_mail_that_was_taken_counts_even_if_the_goodbye_fails() -> None:
    with serving() as server, plain(server.port).open() as post:
        receipt = post(a_message())
        server.faults["QUIT"] = DROP
    assert receipt.startswith("250 ")
    assert len(server.envelopes) == 1


@pytest.mark.parametrize(
    ("greeting", "error"),
    [(b"554 5.7.1 No mail here\r\n", Refused), (b"421 4.3.2 Too busy\r\n", Undelivered), (b"", Undelivered)],
)
def test_a_server_may_reject_every_client(greeting: bytes, error: type[Exception]) -> None:
    with talking(greeting) as port, pytest.raises(error):
        send(a_message(), plain(port, timeout_seconds=30.0 if greeting else SHORT))


def test_a_tls_handshake_cut_short_is_tried_again() -> None:
    with talking(hang_up=True) as port, pytest.raises(Undelivered) as caught:
        send(a_message(), plain(port, security="tls"))
    assert not caught.value.outcome_unknown


def test_a_closed_port_is_tried_again() -> None:
    with closed_port() as port, pytest.raises(Undelivered, match=r"refused.*SMTP_HOST, SMTP_PORT"):
        send(a_message(), plain(port))


def test_a_host_without_an_address_is_tried_again_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    with pytest.raises(Undelivered, match=r"^SMTP server mail\.invalid:587: .*not known.*SMTP_HOST"):
        send(a_message(), Smtp(host="mail.invalid", port=587, timeout_seconds=5))


def test_a_host_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(Refused, match="SMTP_HOST"):
        send(a_message(), Smtp(host="a" * 70 + ".example", port=587, timeout_seconds=5))


def test_a_mail_that_cannot_be_written_reaches_no_server() -> None:
    with serving() as server, plain(server.port).open() as post:
        with pytest.raises(Refused):
            post(a_message(text="\ud83d"))
        post(a_message())
    assert len(server.envelopes) == server.connections == 1


def test_a_long_reply_is_cut_and_on_one_line() -> None:
    with serving({"RCPT": "550-first line\r\n550 " + "x" * 2000}) as server, pytest.raises(Refused) as caught:
        send(a_message(), plain(server.port))
    assert "first line xxx" in str(caught.value)
    assert len(str(caught.value)) < 700
