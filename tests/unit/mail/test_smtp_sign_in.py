"""Signing in to a real SMTP server: in UTF-8, once, and without telling anybody the password."""

import smtplib
from base64 import b64encode

import pytest

from slowmatch.mail.errors import Refused
from slowmatch.mail.smtp_sign_in import sign_in
from tests.unit.mail.conftest import a_message, send
from tests.unit.mail.server import scripted, serving
from tests.unit.mail.test_smtp import plain

USERNAME, PASSWORD = "jürgen@example.com", "pässwörd-SECRET"
ACCOUNT = {"username": USERNAME, "password": PASSWORD}


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


PLAIN = encoded(f"\0{USERNAME}\0{PASSWORD}")


def test_a_password_with_any_characters_signs_in() -> None:
    with serving(login=(USERNAME, PASSWORD)) as server:
        send(a_message(), plain(server.port, **ACCOUNT))
    assert server.authenticated


@pytest.mark.parametrize(
    ("offered", "commands"),
    [
        ("XOAUTH2 LOGIN PLAIN", [f"AUTH PLAIN {PLAIN}"]),
        ("XOAUTH2 LOGIN", ["AUTH LOGIN", encoded(USERNAME), encoded(PASSWORD)]),
    ],
)
def test_the_first_mechanism_that_both_know_is_used_once(offered: str, commands: list[str]) -> None:
    last = "535 5.7.8 Username and Password not accepted"
    replies = ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"][: len(commands) - 1]
    with (
        scripted(f"250-here\r\n250 AUTH {offered}", *replies, last) as (port, received),
        pytest.raises(Refused, match=r"535 5\.7\.8.*the username and password in SMTP_SECRET_ARN"),
    ):
        send(a_message(), plain(port, **ACCOUNT))
    assert received[1:] == commands


def test_cram_md5_is_answered_as_in_its_rfc() -> None:
    challenge = b64encode(b"<1896.697170952@postoffice.reston.mci.net>").decode()
    with scripted("250-here\r\n250 AUTH CRAM-MD5", f"334 {challenge}", "235 OK") as (port, received):
        connection = smtplib.SMTP("127.0.0.1", port)
        connection.ehlo()
        sign_in(connection, "tim", "tanstaaftanstaaf")
        connection.close()
    assert received[2] == encoded("tim b913a602c7eda7a495b4e6e7334d3890")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["250 AUTH XOAUTH2"], r"no AUTH that Slowmatch supports \(it offers: XOAUTH2\)"),
        (["250 AUTH CRAM-MD5", "334 not base64!"], "the server's challenge is not valid"),
        (["250 AUTH PLAIN", f"535 no such pair: {PLAIN}"], r"no such pair: \.\.\."),
        (["250 AUTH PLAIN", f"550 {PASSWORD}?"], r"550 \.\.\.\?\. Check the username and password"),
        (["250 AUTH PLAIN", "538 5.7.11 Encryption required"], "SMTP_SECURITY: the server requires TLS"),
    ],
)
def test_an_error_never_contains_the_password(lines: list[str], said: str) -> None:
    with (
        scripted(f"250-here\r\n{lines[0]}", *lines[1:]) as (port, _),
        pytest.raises(Refused, match=said) as refused,
    ):
        send(a_message(), plain(port, **ACCOUNT))
    assert "-SECRET" not in str(refused.value) and "ä" not in str(refused.value)


def test_half_a_surrogate_pair_is_a_wrong_password_like_any_other() -> None:
    with serving(login=(USERNAME, PASSWORD)) as server, pytest.raises(Refused, match="535"):
        send(a_message(), plain(server.port, username=USERNAME, password="\ud83d"))
