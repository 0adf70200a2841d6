"""One POST against a real receiver: what counts as taken, what is tried again, and that it ends."""

import http.client
import re
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from slowmatch.notifications import sender
from slowmatch.notifications.delivery import backoff
from slowmatch.notifications.sender import Response, parse_retry_after, post
from tests.support.ports import closed_port
from tests.support.receiver import Receiver, receiving
from tests.unit.mail.server import talking
from tools import tls_certificates


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def sent(receiver: Receiver, path: str, limit: float = 30) -> Response:
    return post(receiver.url(path), b"{}", {"Content-Type": "application/json"}, limit)


@pytest.mark.parametrize(
    ("status", "taken", "again"),
    [
        (200, True, False),
        (204, True, False),
        (400, False, False),
        (404, False, False),
        (410, False, False),
        (429, False, True),
        (503, False, True),
    ],
)
def test_what_may_pass_is_tried_again(receiver: Receiver, status: int, taken: bool, again: bool) -> None:
    receiver.answer("/hook", status)
    answer = sent(receiver, "/hook")
    assert (answer.is_success, answer.is_temporary) == (taken, again)
    assert answer.is_gone is (status in (404, 410)) and answer.description == f"HTTP {status}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer("/here", 307, Location=receiver.url("/there"))
    assert not sent(receiver, "/here").is_temporary
    assert receiver.at("/there") == []


@pytest.mark.parametrize("path", ["/silent", "/dripping"])
def test_a_receiver_that_does_not_come_to_an_end_is_left(receiver: Receiver, path: str) -> None:
    started = time.monotonic()
    answer = sent(receiver, path, limit=0.3)
    assert answer.is_temporary and answer.description == "no response within 0.3 seconds"
    assert time.monotonic() - started < 20


def test_a_slow_connection_is_left_too(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = http.client.HTTPConnection.connect

    def late(connection: http.client.HTTPConnection) -> None:
        while any(isinstance(thread, threading.Timer) for thread in threading.enumerate()):
            pass
        connect(connection)

    monkeypatch.setattr(http.client.HTTPConnection, "connect", late)
    assert sent(receiver, "/dripping", limit=0.1).description == "no response within 0.1 seconds"


def test_an_unknown_authority_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tls_certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain)
    with receiving(context) as receiver:
        answer = post(receiver.url("/secret"), b"{}", {})
        assert answer.is_temporary
        assert answer.description.startswith("its TLS certificate was not issued by a public authority")
        assert receiver.posts == []
        trusting = ssl.create_default_context(cafile=str(made.authority))
        monkeypatch.setattr(sender, "_tls_context", lambda: trusting)
        assert post(receiver.url("/secret"), b"{}", {}).is_success
        assert post(receiver.url("/secret").replace("127.0.0.1", "127.0.0.2"), b"{}", {}).status == 0


def test_a_closed_port_is_no_connection() -> None:
    with closed_port() as port:
        answer = post(f"http://127.0.0.1:{port}/secret", b"", {})
    assert answer.is_temporary and answer.description == "no connection: Connection refused"


def test_what_is_not_http_is_tried_again_without_being_shown() -> None:
    with talking(b"SSH-2.0-secret\r\n\r\n") as port:
        answer = post(f"http://127.0.0.1:{port}/", b"", {})
    assert answer.is_temporary and "secret" not in answer.description


def test_a_refusal_is_shown_in_part_and_without_the_address(receiver: Receiver) -> None:
    body = f"no such hook {receiver.url('/services/T0SECRET')}\n".encode() + b"x" * 10_000
    receiver.answer("/services/T0SECRET", 404, body=body)
    answer = sent(receiver, "/services/T0SECRET")
    assert answer.description.startswith("HTTP 404: no such hook ...") and len(answer.description) < 250
    assert "T0SECRET" not in answer.description and "127.0.0.1" not in answer.description


def test_a_key_in_the_address_s_query_is_not_shown_either(receiver: Receiver) -> None:
    path = "/workflows/0a1b/invoke?api-version=2016-06-01&sig=TheSignature"
    receiver.answer(path, 401, body=b"wrong: sp=/run, sig=TheSignature")
    assert sent(receiver, path).description == "HTTP 401: wrong: sp=/run, sig=..."


@pytest.mark.parametrize("before", [100, 150, 190, 199])
def test_no_part_of_the_address_is_shown_in_a_cut_refusal(receiver: Receiver, before: int) -> None:
    path = f"/services/T0SECRET/{before}"
    receiver.answer(path, 404, body=b"x" * before + receiver.url(path).encode() * 20)
    assert re.fullmatch(r"HTTP 404: x+[.]*", sent(receiver, path).description)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("soon", 0),
        ("-5", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:99999999999999999999 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: int) -> None:
    assert parse_retry_after(header) == timedelta(seconds=seconds)
    assert parse_retry_after("Wed, 21 Oct 2099 07:28:00 GMT") > timedelta(days=365)


def test_the_rest_after_a_failure_doubles() -> None:
    assert [backoff(number).total_seconds() for number in (1, 2, 3, 7, 8, 50)] == [10, 20, 40, 640, 900, 900]
