"""From a run that fails to a receiver that gets one notification."""

from slowmatch.db import Connection
from tests.integration.notify.conftest import NotifierHarness


def test_a_failed_run_sends_a_notification_with_a_link(notifier: NotifierHarness, con: Connection) -> None:
    notifier.run("the disk is full")
    notifier.process_all()
    (post,) = notifier.receiver.posts
    ((run_id, since, sequence),) = con.query("SELECT run_id::text, at, sequence FROM notification")
    minute = f"{since:%Y-%m-%d %H:%M} UTC"
    assert post.json | {"id": "", "at": ""} == {
        "id": "",
        "event": "failed",
        "at": "",
        "stack": "slowmatch-test",
        "job": "record-expiry",
        "run_id": run_id,
        "title": "record-expiry failed on the first attempt",
        "text": f"It has been failing since {minute}. The last run to fail was started by a direct invocation."
        " Attempt 1 of 11 failed. No further retry.\nThe last error: the disk is full",
        "url": "https://console.example.com/dashboard/failing#record-expiry",
        "links": {
            "failing": "https://console.example.com/dashboard/failing#record-expiry",
            "run": f"https://console.example.com/runs/{run_id}",
            "job": "https://console.example.com/jobs/record-expiry",
        },
        "count": 1,
        "sequence": sequence,
        "state": "failing",
        "since": since.isoformat(),
        "run": {
            "id": run_id,
            "state": "failed",
            "trigger": "direct",
            "failures": 1,
            "max_attempts": 11,
            "next_at": None,
        },
        "detail": {"error": "the disk is full", "error_type": "Permanent", "attempt": 1},
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


def test_from_the_fourth_failure_on_there_is_one_digest(notifier: NotifierHarness) -> None:
    notifier.fail_one_a_minute(10)
    assert len(notifier.receiver.posts) == 3
    notifier.advance(minutes=45)
    assert len(notifier.receiver.posts) == 3
    notifier.advance(minutes=6)
    last = notifier.receiver.posts[-1].json
    assert last["count"] == 7 and len(notifier.receiver.posts) == 4
    assert last["title"].startswith("record-expiry is failing: it has failed 7 times since 20")
    notifier.dispatch()
    assert notifier.deliver() == [] and len(notifier.receiver.posts) == 4
