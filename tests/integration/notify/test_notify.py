"""From a run that fails to a receiver that is told, once."""

import json
from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Permanent
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.worker.invocation import AttemptFailed, Invocation
from slowmatch.notifications import Destination, delivery
from tests.integration.notify.conftest import Telling


def run(telling: Telling, error: str | None = None, job: str = "record-expiry") -> None:
    """One run of a job, which fails for good with `error` or succeeds."""

    def work(context: Any) -> None:
        if error is not None:
            raise Permanent(error)

    invocation = Invocation(telling.con, JOBS[job], work, settings={}, lambda_context=telling.lambda_context)
    if error is None:
        invocation.run({})
    else:
        with pytest.raises(AttemptFailed):
            invocation.run({})


def test_a_run_that_fails_for_good_is_told_with_a_link_to_it(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    run(telling, "the disk is full")
    telling.tell()
    (post,) = telling.receiver.posts
    ((run_id,),) = con.query("SELECT id::text FROM job_run")
    assert post.json | {"id": "", "at": ""} == {
        "id": "",
        "event": "failed",
        "at": "",
        "stack": "slowmatch-test",
        "job": "record-expiry",
        "run_id": run_id,
        "title": "record-expiry failed at the first attempt",
        "text": "Permanent: the disk is full",
        "url": f"https://console.example.com/runs/{run_id}",
        "count": 1,
        "detail": {"error": "Permanent: the disk is full", "attempt": 1},
    }
    assert telling.deliveries() == [["hook", "sent", 1, "HTTP 200"]]


def test_the_first_success_after_a_failure_is_told_and_no_other(telling: Telling) -> None:
    telling.to(telling.webhook())
    for error in (None, "no", None, None):
        run(telling, error)
    telling.tell()
    assert [post.json["event"] for post in telling.receiver.posts] == ["failed", "recovered"]


def test_nothing_is_sent_twice_whatever_is_repeated(telling: Telling) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    (published,) = telling.published()
    telling.route(published, published)
    bodies = telling.bodies()
    telling.deliver(*bodies, *bodies)
    telling.route(published)
    telling.dispatch()
    telling.tell()
    assert len(telling.receiver.posts) == 1


def test_the_fourth_failure_of_an_hour_and_those_after_it_are_told_as_one_count(
    telling: Telling, con: Connection
) -> None:
    telling.to(telling.webhook())
    for number in range(100):
        run(telling, f"error {number}")
    telling.tell()
    assert len(telling.receiver.posts) == 3
    con.query("UPDATE notification_delivery SET due_at = now() - interval '1 second' WHERE state = 'waiting'")
    telling.dispatch()
    telling.deliver()
    assert len(telling.receiver.posts) == 4
    last = telling.receiver.posts[-1].json
    assert last["count"] == 97 and last["title"].startswith("97 more within an hour: record-expiry failed")
    telling.dispatch()
    assert telling.deliver() == [] and len(telling.receiver.posts) == 4


def test_the_count_of_an_hour_waits_for_its_end_whoever_asks_for_it(
    telling: Telling, con: Connection
) -> None:
    telling.to(telling.webhook())
    for number in range(4):
        run(telling, f"error {number}")
    telling.tell()
    ((digest,),) = con.query(
        "SELECT notification_id::text FROM notification_delivery WHERE state = 'waiting'"
    )
    telling.deliver(json.dumps({"notification": digest, "destination": "hook"}))
    assert len(telling.receiver.posts) == 3
    to = Destination("hook", "webhook", telling.receiver.url("/hook"))
    assert delivery.claim(con, to, con.now() + timedelta(minutes=59)) is None
    assert delivery.claim(con, to, con.now() + timedelta(minutes=61))
