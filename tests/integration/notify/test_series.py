"""What a destination is told about one job or one alarm, one message after the other."""

import json
from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.notifications import sender
from slowmatch.notifications.destinations import EVENTS
from slowmatch.notifications.sender import Response
from tests.integration.notify.conftest import NotifierHarness


def alarm(name: str, state: str = "ALARM", **more: Any) -> str:
    return json.dumps({"AlarmName": name, "NewStateValue": state, **more})


def test_a_recovery_is_told_within_a_minute_although_failures_are_folded(notifier: NotifierHarness) -> None:
    notifier.fail_one_a_minute(6)
    notifier.run(None)
    notifier.process_all()
    assert len(notifier.receiver.posts) == 4
    last = notifier.receiver.posts[-1].json
    assert last["title"].startswith(
        "record-expiry works again: it has failed 3 times and recovered once since"
    )
    assert last["text"].startswith("It has worked since") and last["text"].endswith("The last error: error 5")
    assert (last["event"], last["state"], last["count"]) == ("recovered", "works", 4)


def test_the_failure_after_a_recovery_is_told_at_once(notifier: NotifierHarness) -> None:
    notifier.fail_one_a_minute(6)
    notifier.run(None)
    notifier.process_all()
    notifier.advance(minutes=1)
    notifier.fail_runs()
    assert notifier.titles()[-1] == "record-expiry failed on the first attempt"
    notifier.advance(minutes=120)
    assert len(notifier.receiver.posts) == 5, "no digest about what was mended"


@pytest.mark.parametrize("events", [EVENTS, ["failed"]])
def test_a_failure_while_a_recovery_is_sent_is_told_a_minute_later(
    notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch, events: list[str]
) -> None:
    notifier.set_destinations(notifier.webhook(events=events))
    notifier.fail_one_a_minute(4)
    notifier.run(None)
    notifier.route()

    def post(*message: Any) -> Response:
        patched.undo()
        notifier.route_failure()
        return sender.post(*message)

    with monkeypatch.context() as patched:
        patched.setattr("notifier.deliver.post", post)
        notifier.end_rests()
        notifier.attempt_all()
    notifier.advance(minutes=1)
    assert [post.json["state"] for post in notifier.receiver.posts[-2:]] == ["works", "failing"]


def test_a_recovery_that_a_destination_does_not_want_ends_the_count(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook(events=["failed", "dead_letters", "alarm"]))
    for _ in range(5):
        notifier.fail_runs()
        notifier.run(None)
        notifier.process_all()
        notifier.advance(minutes=4)
    assert notifier.titles() == ["record-expiry failed on the first attempt"] * 5
    notifier.fail_one_a_minute(4)
    assert len(notifier.receiver.posts) == 8, "only three of the last four, which say the same"


def test_a_flapping_job_is_told_once_a_minute_as_it_is_then(notifier: NotifierHarness) -> None:
    notifier.fail_runs()
    for _ in range(7):
        notifier.run(None)
        notifier.run("the disk is full")
        notifier.process_all()
    assert len(notifier.receiver.posts) == 1
    notifier.advance(minutes=1)
    last = notifier.receiver.posts[-1].json
    assert last["title"].startswith(
        "record-expiry is failing: it has failed 7 times and recovered 7 times since"
    )
    assert last["text"].endswith("The last error: the disk is full")
    assert len(notifier.receiver.posts) == 2 and last["since"] == last["at"]


def test_a_burst_of_failures_takes_two_messages_of_sqs(notifier: NotifierHarness) -> None:
    notifier.fail_runs()
    for number in range(20):
        notifier.run(f"error {number}")
    notifier.route()
    assert notifier.visible_messages() == [] and notifier.delayed() == 1


def test_a_digest_says_that_the_job_works_to_who_wants_only_failures(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook(events=["failed"]))
    notifier.fail_one_a_minute(5)
    notifier.run(None)
    notifier.process_all()
    notifier.advance(minutes=60)
    last = notifier.receiver.posts[-1].json
    assert last["title"].startswith(
        "record-expiry works again: it has failed 2 times and recovered once since"
    )
    assert (last["event"], last["state"]) == ("failed", "works")


def test_a_failure_that_is_routed_after_the_recovery_says_so(notifier: NotifierHarness) -> None:
    notifier.run("error")
    notifier.run(None)
    failed, recovered = notifier.published()
    notifier.route(recovered, failed)
    notifier.deliver()
    (post,) = notifier.receiver.posts
    assert (post.json["event"], post.json["state"], post.json["count"]) == ("recovered", "works", 2)


def test_a_failure_is_later_than_the_recovery_before_it(notifier: NotifierHarness, con: Connection) -> None:
    """Also on a server whose clock is behind that of the one before."""
    notifier.run("error")
    notifier.run(None)
    con.clock_offset -= timedelta(seconds=1)
    notifier.run("error again")
    notifier.process_all()
    assert notifier.receiver.posts[-1].json["state"] == "failing"


def test_a_retry_says_what_is_true_by_then(notifier: NotifierHarness) -> None:
    notifier.receiver.answer("/hook", 503, 200)
    notifier.fail_runs()
    notifier.run(None)
    notifier.route()
    notifier.end_rests()
    notifier.attempt_all()
    first, second = (post.json for post in notifier.receiver.posts)
    assert (first["state"], second["state"]) == ("failing", "works")
    assert first["id"] != second["id"] and first["sequence"] < second["sequence"]


def test_dead_letters_that_are_gone_are_not_announced(notifier: NotifierHarness, con: Connection) -> None:
    con.query("INSERT INTO job (name, ticks_checked_to, dead_letters) VALUES ('db-cleanup', now(), 3)")
    sql = """
        INSERT INTO notification (at, event, job, key, detail)
        VALUES (now(), 'dead_letters', 'db-cleanup', 'x', '{"count": 3}')
        RETURNING id::text
    """
    ((notification_id,),) = con.query(sql)
    notifier.route(json.dumps({"notification": notification_id}))
    con.query("UPDATE job SET dead_letters = 0")
    notifier.deliver()
    (post,) = notifier.receiver.posts
    assert post.json["title"] == "db-cleanup no longer has dead letters"
    assert post.json["text"].startswith("It had 3 dead letters at 20")


def test_the_oldest_is_sent_first_whatever_order_sns_keeps(
    notifier: NotifierHarness, con: Connection
) -> None:
    now = con.now()
    for minutes in (1, 3, 2):
        at = now - timedelta(minutes=minutes)
        notifier.sns(alarm(f"alarm {minutes}", StateChangeTime=at.isoformat()), str(minutes))
    notifier.deliver()
    posts = [post.json for post in notifier.receiver.posts]
    assert [post["detail"]["alarm"] for post in posts] == ["alarm 3", "alarm 2", "alarm 1"]
    assert posts[0]["at"] == (now - timedelta(minutes=3)).isoformat()


def test_an_alarm_that_arrives_late_does_not_hide_its_present_state(
    notifier: NotifierHarness, con: Connection
) -> None:
    now = con.now()
    notifier.sns(alarm("api-errors", "OK", StateChangeTime=now.isoformat()), "second")
    notifier.sns(alarm("api-errors", StateChangeTime=(now - timedelta(minutes=5)).isoformat()), "first")
    notifier.deliver()
    (post,) = notifier.receiver.posts
    assert post.json["title"] == "api-errors: OK" and post.json["state"] == "OK"
    assert post.json["text"].startswith("Its state has changed 2 times since")


def test_each_alarm_of_a_job_is_told_by_its_name(notifier: NotifierHarness) -> None:
    dimensions = {"Dimensions": [{"name": "job", "value": "db-cleanup"}]}
    for number in range(5):
        notifier.sns(alarm(f"db-cleanup-{number}", Trigger=dimensions), str(number))
    notifier.deliver()
    assert sorted(notifier.titles()) == [f"db-cleanup-{number}: in alarm" for number in range(5)]


def test_an_alarm_s_end_is_told_however_often_it_began(notifier: NotifierHarness) -> None:
    for number in range(5):
        notifier.sns(alarm("api-errors"), f"alarm {number}")
        notifier.deliver()
        notifier.advance(minutes=1)
        notifier.sns(alarm("api-errors", "OK"), f"ok {number}")
        notifier.deliver()
        notifier.advance(minutes=1)
    assert notifier.titles() == ["api-errors: in alarm", "api-errors: OK"] * 5


def metric(job: str) -> dict[str, Any]:
    dimensions = [{"value": "slowmatch", "name": "service"}, {"value": job, "name": "job"}]
    return {"Id": job.replace("-", "_"), "MetricStat": {"Metric": {"Dimensions": dimensions}, "Period": 3600}}


EXPRESSION = {"Id": "all", "Expression": "IF(bad + good > 0, 100 * bad / (bad + good), 0)"}


@pytest.mark.parametrize(
    ("metrics", "job"),
    [
        ([EXPRESSION, metric("db-cleanup"), metric("db-cleanup")], "db-cleanup"),
        ([metric("db-cleanup"), metric("record-expiry")], None),
        ([EXPRESSION, None, "text", {"MetricStat": []}, {"MetricStat": {"Metric": {"Dimensions": 7}}}], None),
        (None, None),
    ],
)
def test_an_alarm_of_metric_math_is_about_the_job_of_its_metrics(
    notifier: NotifierHarness, con: Connection, metrics: Any, job: str | None
) -> None:
    notifier.sns(alarm("slowmatch-db-cleanup-failing", Trigger={"Metrics": metrics}), "one")
    assert con.query("SELECT job FROM notification") == [[job]]
