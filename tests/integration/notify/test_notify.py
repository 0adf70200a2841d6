"""From a run that fails to a receiver that gets one notification."""

import json
from datetime import timedelta

from slowmatch.db import Connection
from slowmatch.notifications import delivery
from slowmatch.notifications.destinations import Destination
from tests.integration.notify.conftest import NotifierHarness


def test_a_failed_run_sends_a_notification_with_a_link(notifier: NotifierHarness, con: Connection) -> None:
    notifier.run("the disk is full")
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
        "url": "https://console.example.com/dashboard/failing#record-expiry",
        "count": 1,
        "detail": {"error": "Permanent: the disk is full", "attempt": 1},
    }
    assert notifier.deliveries() == [["hook", "sent", 1, "HTTP 200"]]


def test_nothing_is_sent_twice_whatever_is_repeated(notifier: NotifierHarness) -> None:
    notifier.run("no")
    (published,) = notifier.published()
    notifier.route(published, published)
    bodies = notifier.visible_messages()
    notifier.deliver(*bodies, *bodies)
    notifier.route(published)
    notifier.dispatch()
    notifier.process_all()
    assert len(notifier.receiver.posts) == 1


def test_from_the_fourth_failure_on_there_is_one_digest(notifier: NotifierHarness, con: Connection) -> None:
    notifier.fail_runs(10)
    assert len(notifier.receiver.posts) == 3
    con.query("UPDATE notification_delivery SET due_at = now() - interval '1 second' WHERE state = 'waiting'")
    notifier.dispatch()
    notifier.deliver()
    assert len(notifier.receiver.posts) == 4
    last = notifier.receiver.posts[-1].json
    assert last["count"] == 7 and last["title"].startswith("7 more within an hour: record-expiry failed")
    notifier.dispatch()
    assert notifier.deliver() == [] and len(notifier.receiver.posts) == 4


def test_a_digest_waits_for_the_end_of_its_hour(notifier: NotifierHarness, con: Connection) -> None:
    notifier.fail_runs(4)
    ((digest,),) = con.query(
        "SELECT notification_id::text FROM notification_delivery WHERE state = 'waiting'"
    )
    notifier.deliver(json.dumps({"notification": digest, "destination": "hook"}))
    assert len(notifier.receiver.posts) == 3
    to = Destination("hook", "webhook", notifier.receiver.url("/hook"))
    assert delivery.claim(con, to, con.now() + timedelta(minutes=59)) is None
    assert delivery.claim(con, to, con.now() + timedelta(minutes=61))
