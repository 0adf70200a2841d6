"""The SMTP server, used through smtplib."""

import asyncio
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

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


def login(client: smtplib.SMTP) -> None:
    client.login("somebody", "something")


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


def try_an_unknown_command(client: smtplib.SMTP) -> None:
    client.ehlo()
    assert client.docmd("XCLIENT")[0] == 500


@pytest.mark.parametrize("begin", [login, try_an_unknown_command])
def test_a_client_may_begin_in_another_way(
    outbox_folder: Path, begin: Callable[[smtplib.SMTP], None]
) -> None:
    def converse(client: smtplib.SMTP) -> None:
        begin(client)
        deliver(client)

    talk(outbox_folder, "accept", converse)
    assert len(Outbox(outbox_folder).all()) == 1


@pytest.mark.parametrize(
    ("mode", "conversation", "error", "said"),
    [
        ("refuse", deliver, smtplib.SMTPSenderRefused, "451"),
        ("reject-recipient", deliver, smtplib.SMTPRecipientsRefused, "550"),
        ("reject-auth", login, smtplib.SMTPAuthenticationError, "535"),
        ("reject-auth", deliver, smtplib.SMTPSenderRefused, "535"),
        ("drop", deliver, smtplib.SMTPServerDisconnected, "closed"),
        ("stall", deliver, (TimeoutError, smtplib.SMTPServerDisconnected), "timed out"),
    ],
)
def test_each_mode_fails_in_its_way_and_keeps_no_mail(
    outbox_folder: Path, mode: Mode, conversation: Callable[[smtplib.SMTP], Any], error: Any, said: str
) -> None:
    with pytest.raises(error, match=said):
        talk(outbox_folder, mode, conversation, seconds=0.5 if mode == "stall" else DEADLINE_SECONDS)
    assert list(outbox_folder.iterdir()) == []


def test_lose_answer_keeps_the_message_that_the_client_takes_for_lost(outbox_folder: Path) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        talk(outbox_folder, "lose-answer", deliver)
    assert len(Outbox(outbox_folder).all()) == 1
