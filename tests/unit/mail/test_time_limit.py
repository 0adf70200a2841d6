"""However slow a mail server is, a mail ends within the time that is left."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from local.services.smtp import STALL
from slowmatch.deadline import hanging_up_after
from slowmatch.mail.errors import Undelivered
from tests.unit.mail.conftest import a_message
from tests.unit.mail.server import serving
from tests.unit.mail.test_smtp import ENOUGH, SHORT, plain


class Smtplike:
    """A connection to a server whose next byte is there."""

    def __enter__(self) -> "Smtplike":
        self.sock, self.other = socket.socketpair()
        self.other.send(b"x")
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
        self.other.close()


@pytest.mark.parametrize(
    ("stage", "outcome_unknown"), [("MAIL", False), ("RCPT", False), ("DATA", True), ("END", True)]
)
def test_a_server_that_falls_silent_is_left_when_time_is_up(stage: str, outcome_unknown: bool) -> None:
    with (
        serving({stage: STALL}) as server,
        plain(server.port).open(lambda: ENOUGH) as post,
        pytest.raises(Undelivered, match="was too slow") as raised,
    ):
        post(a_message())
    assert raised.value.outcome_unknown is outcome_unknown


def test_a_server_that_falls_silent_at_the_beginning_is_left_too() -> None:
    with (
        serving({"EHLO": STALL}) as server,
        pytest.raises(Undelivered, match="was too slow"),
        plain(server.port).open(lambda: SHORT),
    ):
        pass


def test_after_a_slow_mail_there_is_a_new_connection() -> None:
    left = [ENOUGH]
    with serving({"RCPT": STALL}) as server, plain(server.port).open(lambda: left[0]) as post:
        with pytest.raises(Undelivered):
            post(a_message())
        server.faults.clear()
        left[0] = 60
        assert post(a_message()).startswith("250")
    assert server.connections == 2


def test_an_unexpected_error_leaves_no_half_a_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("odd")

    with serving() as server, plain(server.port).open() as post:
        with monkeypatch.context() as patched, pytest.raises(RuntimeError):
            patched.setattr("slowmatch.mail.smtp._check_reply", fail)
            post(a_message())
        assert post(a_message()).endswith("queued as 1")


def test_a_goodbye_that_is_not_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slowmatch.mail.smtp.QUIT_SECONDS", 0.1)
    with serving({"QUIT": STALL}) as server, plain(server.port, timeout_seconds=60.0).open() as post:
        post(a_message())
    assert len(server.envelopes) == 1


@pytest.fixture
def connection() -> Iterator[Smtplike]:
    with Smtplike() as connection:
        yield connection


def test_without_a_limit_a_connection_is_not_hung_up(connection: Smtplike) -> None:
    with hanging_up_after(float("inf"), connection) as hung_up:
        pass
    assert not hung_up.is_set()


def test_a_dripping_server_is_left_when_time_is_up(connection: Smtplike) -> None:
    with hanging_up_after(0.1, connection) as hung_up:
        while connection.sock.recv(1):
            with suppress(OSError):
                connection.other.send(b"x")
    assert hung_up.is_set()
