"""Idempotency keys of code that enqueues: one run for each request."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.lifecycle.enqueue import Enqueued, KeyReused
from tests.integration.jobs.conftest import Queues

NOON = datetime(2050, 1, 1, 12, tzinfo=UTC)
Put = Callable[..., Enqueued]


@pytest.fixture
def put(con: Connection, queues: Queues) -> Put:
    def put(payload: dict[str, Any] | None = None, due_at: datetime | None = None, **more: Any) -> Enqueued:
        return enqueue(con, "record-expiry", payload, due_at, idempotency_key="k", **more)

    return put


@pytest.mark.parametrize(
    ("request_made", "repeated"),
    [
        ((), ()),
        ((None,), ({},)),
        (({"batch_size": 5}, NOON), ({"batch_size": 5}, NOON)),
        ((None, NOON), (None, NOON.astimezone(timezone(timedelta(hours=2))))),
    ],
    ids=["nothing given", "no payload", "payload and due time", "another time zone"],
)
def test_the_same_request_with_a_key_makes_one_run(
    put: Put, request_made: tuple[Any, ...], repeated: tuple[Any, ...]
) -> None:
    first, again = put(*request_made), put(*repeated)
    assert first.created and again == Enqueued(first.run_id, created=False)


@pytest.mark.parametrize(
    "other",
    [({"batch_size": 5},), (None, NOON)],
    ids=["another payload", "another due time"],
)
def test_another_request_with_the_same_key_is_refused(put: Put, other: tuple[Any, ...]) -> None:
    run_id = put().run_id
    with pytest.raises(
        KeyReused, match=f"'k' was already used for a different request, which created run {run_id}"
    ):
        put(*other)


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("", "must have 1 to 255 characters"),
        ("k" * 256, "must have 1 to 255 characters"),
        ("a\0b", "must not contain NUL or lone surrogates"),
        ("\ud800", "must not contain NUL or lone surrogates"),
    ],
    ids=["empty", "long", "NUL", "surrogate"],
)
def test_a_key_that_cannot_be_kept_is_refused(con: Connection, key: str, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^idempotency_key is '.*: {rule}$"):
        enqueue(con, "record-expiry", idempotency_key=key)
    assert con.query("SELECT count(*) FROM job_run") == [[0]]


def test_a_digest_of_the_caller_s_own_wins(put: Put) -> None:
    first = put(request_digest="the same")
    assert not put({"batch_size": 5}, request_digest="the same").created
    with pytest.raises(KeyReused):
        put()
    assert first.created
