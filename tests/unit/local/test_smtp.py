"""The SMTP server, used through smtplib."""

import asyncio
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

import pytest

from local.services.outbox import Outbox
from local.services.smtp import MailServer, Mode
from tests.support.ports import free_ports
from tests.support.stack_process import DEADLINE_SECONDS
from tests.unit.local.support import run

T = TypeVar("T")


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Slowmatch <slowmatch@example.com>"
    message["To"] = "you@example.com"
    message["Subject"] = "Grüße"
    message.set_content("plain\n")
    message.add_alternative("<p>page</p>\n", subtype="html")
    return message


def talk(
    folder: Path, mode: Mode, conversation: Callable[[smtplib.SMTP], T], seconds: float = DEADLINE_SECONDS
) -> T:
    """What a client that waits so long gets from a server in that mode."""

    async def test() -> T:
        port = free_ports()
        server = MailServer(Outbox(folder), port)
        server.mode = mode
        await server.start()

        def converse() -> T:
            with smtplib.SMTP("127.0.0.1", port, timeout=seconds) as client:
                return conversation(client)

        try:
            return await asyncio.to_thread(converse)
        finally:
            await server.stop()

    return run(test())


def deliver(client: smtplib.SMTP) -> dict[str, tuple[int, bytes]]:
    return client.send_message(letter())


def test_a_message_lands_in_the_outbox(outbox_folder: Path) -> None:
    assert talk(outbox_folder, "accept", deliver) == {}
    (mail,) = Outbox(outbox_folder).all()
    assert (mail.sender, mail.recipients) == ("slowmatch@example.com", ("you@example.com",))
    assert (mail.subject, mail.text, mail.html) == ("Grüße", "plain\n", "<p>page</p>\n")


@pytest.mark.parametrize(
    "first_line",
    [b"POST / HTTP/1.1", b"GET / HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"x" * 600, b""],
    ids=["a form", "a page", "a TLS handshake", "a long line", "an empty line"],
)
def test_a_first_line_that_is_not_smtp_closes_the_connection(outbox_folder: Path, first_line: bytes) -> None:
    commands = b"EHLO page\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nHello\r\n.\r\n"

    def send(client: smtplib.SMTP) -> None:
        client.send(first_line + b"\r\n" + commands)
        assert client.getreply()[0] == 500
        client.getreply()

    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        talk(outbox_folder, "accept", send)
    assert list(outbox_folder.iterdir()) == []


def test_a_client_may_try_a_command_that_is_not_known(outbox_folder: Path) -> None:
    def converse(client: smtplib.SMTP) -> None:
        client.ehlo()
        assert client.docmd("XCLIENT")[0] == 500
        deliver(client)

    talk(outbox_folder, "accept", converse)
    assert len(Outbox(outbox_folder).all()) == 1


def test_signing_in_is_possible_and_not_needed(outbox_folder: Path) -> None:
    def sign_in(client: smtplib.SMTP) -> None:
        client.login("somebody", "something")
        deliver(client)

    talk(outbox_folder, "accept", sign_in)
    assert len(Outbox(outbox_folder).all()) == 1


def test_refuse_says_try_again_later(outbox_folder: Path) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        talk(outbox_folder, "refuse", deliver)
    assert refused.value.smtp_code == 451


def test_reject_recipient_is_for_good(outbox_folder: Path) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        talk(outbox_folder, "reject-recipient", deliver)
    assert refused.value.recipients["you@example.com"][0] == 550


def test_reject_auth_refuses_the_login(outbox_folder: Path) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        talk(outbox_folder, "reject-auth", lambda client: client.login("somebody", "something"))
    assert refused.value.smtp_code == 535


def test_reject_auth_refuses_mail_without_a_login_too(outbox_folder: Path) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        talk(outbox_folder, "reject-auth", deliver)
    assert refused.value.smtp_code == 535


def test_drop_loses_the_connection(outbox_folder: Path) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        talk(outbox_folder, "drop", deliver)


def test_stall_never_answers(outbox_folder: Path) -> None:
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        talk(outbox_folder, "stall", deliver)


def test_lose_answer_keeps_the_message_that_the_client_takes_for_lost(outbox_folder: Path) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        talk(outbox_folder, "lose-answer", deliver)
    assert len(Outbox(outbox_folder).all()) == 1


@pytest.mark.parametrize("mode", ["refuse", "reject-recipient", "reject-auth", "drop", "stall"])
def test_a_failed_delivery_leaves_nothing_in_the_outbox(outbox_folder: Path, mode: Mode) -> None:
    with pytest.raises((smtplib.SMTPException, TimeoutError)):
        talk(outbox_folder, mode, deliver, seconds=0.5 if mode == "stall" else DEADLINE_SECONDS)
    assert list(outbox_folder.iterdir()) == []
