"""From a run that fails to a receiver that gets one notification."""

import json
from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Permanent
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.worker.invocation import AttemptFailed, Invocation
from slowmatch.notifications import delivery
from slowmatch.notifications.destinations import Destination
from tests.integration.notify.conftest import NotifierHarness


def run(notifier: NotifierHarness, error: str | None = None, job: str = "record-expiry") -> None:
    """One run of a job, which fails for good with `error` or succeeds."""

    def work(context: Any) -> None:
        if error is not None:
            raise Permanent(error)

    invocation = Invocation(
        notifier.con, JOBS[job], work, settings={}, lambda_context=notifier.lambda_context
    )
    if error is None:
        invocation.run({})
    else:
        with pytest.raises(AttemptFailed):
            invocation.run({})


def test_a_run_that_fails_for_good_sends_a_notification_with_a_link(
    notifier: NotifierHarness, con: Connection
) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "the disk is full")
    notifier.process_all()
    (post,) = notifier.receiver.posts
    ((run_id,),) = con.query("SELECT id::text FROM job_run")
    assert post.json | {"id": "", "at": ""} == {
        "id": "",
        "event": "failed",
        "at": "",
        "stack": "slowmatch-test",
        "job": "record-expiry",
        "run_id": run_id,
        "title": "record-expiry failed on the first attempt",
        "text": "Permanent: the disk is full",
        "url": f"https://console.example.com/runs/{run_id}",
        "count": 1,
        "detail": {"error": "Permanent: the disk is full", "attempt": 1},
    }
    assert notifier.deliveries() == [["hook", "sent", 1, "HTTP 200"]]


def test_only_the_first_success_after_a_failure_sends_a_notification(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook())
    for error in (None, "no", None, None):
        run(notifier, error)
    notifier.process_all()
    assert [post.json["event"] for post in notifier.receiver.posts] == ["failed", "recovered"]


def test_nothing_is_sent_twice_whatever_is_repeated(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    (published,) = notifier.published()
    notifier.route(published, published)
    bodies = notifier.visible_messages()
    notifier.deliver(*bodies, *bodies)
    notifier.route(published)
    notifier.dispatch()
    notifier.process_all()
    assert len(notifier.receiver.posts) == 1


def test_from_the_fourth_failure_of_an_hour_on_there_is_one_digest(
    notifier: NotifierHarness, con: Connection
) -> None:
    notifier.set_destinations(notifier.webhook())
    for number in range(100):
        run(notifier, f"error {number}")
    notifier.process_all()
    assert len(notifier.receiver.posts) == 3
    con.query("UPDATE notification_delivery SET due_at = now() - interval '1 second' WHERE state = 'waiting'")
    notifier.dispatch()
    notifier.deliver()
    assert len(notifier.receiver.posts) == 4
    last = notifier.receiver.posts[-1].json
    assert last["count"] == 97 and last["title"].startswith("97 more within an hour: record-expiry failed")
    notifier.dispatch()
    assert notifier.deliver() == [] and len(notifier.receiver.posts) == 4


def test_a_digest_waits_for_the_end_of_its_hour(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    for number in range(4):
        run(notifier, f"error {number}")
    notifier.process_all()
    ((digest,),) = con.query(
        "SELECT notification_id::text FROM notification_delivery WHERE state = 'waiting'"
    )
    notifier.deliver(json.dumps({"notification": digest, "destination": "hook"}))
    assert len(notifier.receiver.posts) == 3
    to = Destination("hook", "webhook", notifier.receiver.url("/hook"))
    assert delivery.claim(con, to, con.now() + timedelta(minutes=59)) is None
    assert delivery.claim(con, to, con.now() + timedelta(minutes=61))
