"""A mail server on this machine, with faults by recipient."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from local.testing.listening import listening
from slowmatch.db import Connection
from tests.conftest import SetVariable


class Mailbox:
    """A real SMTP server that stores mail, except for the recipients in `refused`."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.contents: list[bytes] = []
        self.refused: dict[str, str] = {}
        self.answer = "250 taken"
        self.take_time: Callable[[], None] = lambda: None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.take_time()
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.taken += envelope.rcpt_tos
        self.contents.append(envelope.content)
        return self.answer


@pytest.fixture
def mailbox(con: Connection, set_variable: SetVariable) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with listening(lambda: SMTP(mailbox, loop=asyncio.get_running_loop(), hostname="localhost")) as port:
        set_variable("SMTP_PORT", str(port))
        yield mailbox
