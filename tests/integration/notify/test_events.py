"""What sends a notification, and what an invalid list of destinations does."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from slowmatch.aws.secrets import SecretError
from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.dispatcher import rescuer, retention, schedules
from slowmatch.jobs.lifecycle import messages as jobs_queue
from slowmatch.jobs.queries import queue_depths
from slowmatch.jobs.worker.events import EventError
from slowmatch.notifications.publishing import find_problems, publish_waiting
from tests.conftest import SetVariable
from tests.integration.notify.conftest import NotifierHarness

EVENTS = Path(__file__).parents[3] / "events" / "notifier"


def rows(con: Connection) -> list[list[Any]]:
    return con.query("SELECT event, job, detail FROM notification ORDER BY at, event")


def lose_attempt(con: Connection, failures: int) -> None:
    """Add a run whose worker disappeared, after so many failed attempts."""
    enqueue(con, "db-cleanup")
    con.query(
        """
        UPDATE job_run SET state = 'processing', attempt = :failures + 1, failures = :failures,
               started_at = now(), lease_until = now() - interval '1 minute'
        """,
        failures=failures,
    )


def test_a_run_lost_in_its_last_attempt_notifies(notifier: NotifierHarness, con: Connection) -> None:
    lose_attempt(con, failures=10)
    notifier.dispatch()
    notifier.process_all()
    (post,) = notifier.receiver.posts
    assert (
        post.json["title"] == "db-cleanup failed after 11 attempts"
        and "Attempt 11 of 11 failed. No further retry." in post.json["text"]
    )


def test_a_failed_attempt_with_a_retry_sends_nothing(notifier: NotifierHarness, con: Connection) -> None:
    lose_attempt(con, failures=0)
    assert rescuer.rescue(con, con.now()) == 1
    assert rows(con) == []


def test_the_first_success_after_a_failure_is_a_recovery(notifier: NotifierHarness, con: Connection) -> None:
    for error in ("no", None, None):
        notifier.run(error)
    (failed, recovered) = rows(con)
    assert failed[0] == "failed" and recovered[:2] == ["recovered", "record-expiry"]
    assert recovered[2].keys() == {"failed_at", "failed_run_id"}


def test_a_job_s_recovery_is_its_own(notifier: NotifierHarness, con: Connection) -> None:
    notifier.run("no", job="db-cleanup")
    notifier.run(None, job="record-expiry")
    assert [row[0] for row in rows(con)] == ["failed"]


def test_a_missed_occurrence_sends_one_notification(notifier: NotifierHarness, con: Connection) -> None:
    hour = con.now().replace(minute=0, second=0, microsecond=0)
    con.query(
        """
        INSERT INTO job (name, schedule, ticks_checked_to)
        VALUES ('record-expiry', 'cron(0 * * * ? *)', :checked_to)
        """,
        checked_to=hour - timedelta(minutes=30),
    )
    assert schedules.report_missed(con, hour + timedelta(minutes=30)) == 1
    assert schedules.report_missed(con, hour + timedelta(minutes=30)) == 0
    assert [row[:2] for row in rows(con)] == [["missed", "record-expiry"]]
    notifier.dispatch()
    notifier.process_all()
    assert (
        notifier.receiver.posts[0]
        .json["title"]
        .startswith(f"record-expiry missed its run at {hour:%Y-%m-%d}")
    )


def test_more_dead_letters_send_a_notification(notifier: NotifierHarness, con: Connection) -> None:
    dead = jobs_queue.queue_url("db-cleanup-dead")
    client = boto3.client("sqs")

    def look() -> list[Any]:
        queue_depths._read.clear()
        notifier.dispatch()
        return [row[2]["count"] for row in rows(con)]

    assert look() == []
    client.send_message(QueueUrl=dead, MessageBody="x")
    assert look() == look() == [1]
    client.send_message(QueueUrl=dead, MessageBody="y")
    assert look() == [1, 2]
    client.purge_queue(QueueUrl=dead)
    assert look() == [1, 2]
    client.send_message(QueueUrl=dead, MessageBody="z")
    assert look() == [1, 2, 1]


def test_an_alarm_sends_one_notification_with_its_state_and_a_link(notifier: NotifierHarness) -> None:
    event = json.loads((EVENTS / "sns-alarm.json").read_text())
    notifier.invoke(event)
    notifier.invoke(event)
    notifier.deliver()
    (post,) = notifier.receiver.posts
    assert post.json["title"] == "slowmatch-api-5xx: in alarm"
    assert post.json["text"].startswith("The HTTP API answers with server errors\nThreshold Crossed")
    assert post.json["url"] == (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/slowmatch-api-5xx"
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\0b", "a\ufffdb"), (r"C:\u0000", r"C:\u0000"), ("half \ud83d", "half \ufffd"), ("\\\0", "\\\ufffd")],
    ids=ascii,
)
def test_an_alarm_may_say_what_postgresql_cannot_keep(
    notifier: NotifierHarness, con: Connection, text: str, kept: str
) -> None:
    alarm = {"AlarmName": "a", "NewStateValue": "ALARM", "AlarmDescription": text}
    notifier.sns(json.dumps(alarm | {"Trigger": {"Dimensions": [{"name": "job", "value": text}]}}), "one")
    ((_, job, detail),) = rows(con)
    assert (job, detail["description"]) == (kept, kept)


@pytest.mark.parametrize(
    "message",
    ["", "text", "[]", "{}", '{"notification": 7}', '{"AlarmName": "x"}', "null", "[" * 100_000],
    ids=lambda message: message[:20],
)
def test_messages_of_others_are_ignored(notifier: NotifierHarness, con: Connection, message: str) -> None:
    notifier.sns(message, "one")
    assert rows(con) == []


def test_each_job_and_destination_has_messages_of_its_own(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook("a"), notifier.webhook("b", jobs=["db-cleanup"]))
    for number in range(5):
        notifier.run(f"error {number}", job="db-cleanup")
        notifier.run(f"error {number}", job="record-expiry")
    notifier.process_all()
    assert [(post.json["job"], post.json["count"]) for post in notifier.receiver.at("/a")] == [
        ("db-cleanup", 5),
        ("record-expiry", 5),
    ]
    assert [post.json["job"] for post in notifier.receiver.at("/b")] == ["db-cleanup"]


def test_the_count_survives_another_limit(notifier: NotifierHarness, set_variable: SetVariable) -> None:
    for limit in ("3", "1", "5"):
        set_variable("NOTIFY_DIGEST_AFTER", limit)
        notifier.fail_one_a_minute(2)
    states = Counter(row[1] for row in notifier.deliveries())
    assert states == {"sent": 4, "folded": 2}, "the third and fourth wait until five are allowed"


def test_the_count_starts_again_in_the_next_hour(notifier: NotifierHarness) -> None:
    notifier.fail_one_a_minute(3)
    notifier.advance(minutes=61)
    notifier.fail_one_a_minute(2, "one more")
    assert len(notifier.receiver.posts) == 5
    assert notifier.receiver.posts[-1].json["text"].endswith("one more 1")


def test_an_unreadable_list_sends_nothing_until_it_is_corrected(notifier: NotifierHarness) -> None:
    text = '[{"name": "hook", "url": "https://example.com/hidden"'
    boto3.client("secretsmanager").put_secret_value(SecretId=notifier.secret_arn, SecretString=text)
    notifier.run("no")
    with pytest.raises(SecretError, match="is not valid JSON, line 1") as said:
        notifier.route()
    assert "hidden" not in str(said.value) and notifier.receiver.posts == []
    notifier.set_destinations(notifier.webhook())
    notifier.dispatch()
    notifier.process_all()
    assert len(notifier.receiver.posts) == 1


def test_one_wrong_entry_is_named_and_the_others_work_on(notifier: NotifierHarness, con: Connection) -> None:
    wrong = notifier.webhook("second") | {"url": "http://example.com/hidden", "jobs": ["nothing"]}
    notifier.set_destinations(notifier.webhook(), wrong, "text")
    notifier.fail_runs()
    assert len(notifier.receiver.at("/hook")) == 1
    second, third = notifier.invoke({})["problems"]
    assert second.startswith("second: the key 'url' is invalid; it must be an https address")
    assert "; the key 'jobs' is invalid; it must be a list" in second and "hidden" not in second
    assert third == "destination #3: it is not a JSON object"
    shown = [problem.text for problem in find_problems(con, con.now())]
    assert shown == [f"nothing is sent to {each}" for each in (third, second)]
    with pytest.raises(EventError, match="nothing can be sent to second: the key 'url'"):
        notifier.invoke({"payload": {"test": "second"}})


def test_what_waits_for_a_wrong_entry_is_sent_once_it_is_corrected(
    notifier: NotifierHarness, con: Connection
) -> None:
    notifier.set_destinations(notifier.webhook() | {"url": "http://example.com/x"})
    notifier.fail_runs()
    assert notifier.deliveries() == [["hook", "waiting", 0, None]]
    notifier.set_destinations(notifier.webhook())
    assert notifier.invoke({})["problems"] == []
    notifier.advance(minutes=10)
    assert len(notifier.receiver.at("/hook")) == 1 and not list(find_problems(con, con.now()))


def test_a_removed_destination_is_no_problem_any_more(notifier: NotifierHarness, con: Connection) -> None:
    notifier.receiver.answer("/hook", 404)
    notifier.fail_runs()
    assert list(find_problems(con, con.now()))
    notifier.set_destinations()
    notifier.invoke({})
    assert not list(find_problems(con, con.now()))


def test_with_sign_in_no_receiver_is_local(notifier: NotifierHarness, set_variable: SetVariable) -> None:
    assert notifier.invoke({})["problems"] == []
    set_variable("AUTH", "oidc")
    (problem,) = notifier.invoke({})["problems"]
    assert problem.startswith("hook: the key 'url' is invalid")


def test_a_failed_test_mail_is_told_only_to_who_asked(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook(), notifier.webhook("mail", jobs=["send-test-mail"]))
    notifier.run("no such mailbox", job="send-test-mail")
    trigger = {"Dimensions": [{"name": "job", "value": "send-test-mail"}]}
    alarm = {"AlarmName": "send-test-mail-failing", "NewStateValue": "ALARM", "Trigger": trigger}
    notifier.sns(json.dumps(alarm), "one")
    notifier.process_all()
    assert notifier.receiver.at("/hook") == [] and len(notifier.receiver.at("/mail")) == 2
    hook, mail = notifier.invoke({})["destinations"]
    assert "send-test-mail" not in hook["jobs"] and mail["jobs"] == ["send-test-mail"]


def test_an_alarm_is_told_once_the_secret_can_be_read(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations()
    boto3.client("secretsmanager").put_secret_value(SecretId=notifier.secret_arn, SecretString="{")
    message = json.dumps({"AlarmName": "api-errors", "NewStateValue": "ALARM"})
    with pytest.raises(SecretError):
        notifier.sns(message, "one")
    notifier.set_destinations(notifier.webhook())
    notifier.dispatch()
    notifier.process_all()
    assert notifier.titles() == ["api-errors: in alarm"]


def test_an_event_of_sns_that_lambda_gave_up_is_taken_from_the_queue(notifier: NotifierHarness) -> None:
    """As a dead letter, Lambda sends the event itself."""
    message = json.dumps({"AlarmName": "api-errors", "NewStateValue": "ALARM"})
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "one", "Message": message}}]}
    assert notifier.deliver(json.dumps(event)) == []
    notifier.deliver()
    assert notifier.titles() == ["api-errors: in alarm"]


def test_without_destinations_nothing_is_published_again(notifier: NotifierHarness) -> None:
    notifier.set_destinations()
    notifier.route_failure()
    notifier.dispatch()
    assert notifier.published() == []


def test_what_sns_did_not_take_is_published_by_the_dispatcher(notifier: NotifierHarness) -> None:
    notifier.run("no")
    assert len(notifier.published()) == 1  # and lost
    notifier.dispatch()
    notifier.process_all()
    assert len(notifier.receiver.posts) == 1


def test_notifications_older_than_a_day_are_not_published(notifier: NotifierHarness, con: Connection) -> None:
    notifier.run("no")
    notifier.published()
    con.query("UPDATE notification SET at = now() - interval '25 hours'")
    notifier.dispatch()
    assert notifier.published() == [] and not list(find_problems(con, con.now()))


def test_a_pass_publishes_the_oldest_first(notifier: NotifierHarness, con: Connection) -> None:
    rows = con.query(
        """
        INSERT INTO notification (at, event, key)
        SELECT now() - number * interval '1 second', 'alarm', number::text
        FROM generate_series(1, 101) AS number RETURNING id::text
        """
    )
    assert publish_waiting(con, con.now()) == 100
    (_newest,), *others = rows
    assert {json.loads(message)["notification"] for message in notifier.published()} == {
        other for (other,) in others
    }


def test_a_test_message_says_what_the_receiver_said(notifier: NotifierHarness) -> None:
    notifier.receiver.answer("/hook", 403, body=b"invalid_token")
    answer = notifier.invoke({"payload": {"test": "hook"}})
    assert answer == {
        "destination": "hook",
        "taken": False,
        "answer": "HTTP 403: invalid_token",
        "switched_on": False,
    }
    with pytest.raises(EventError, match="there is no destination 'x'; the destinations are: hook"):
        notifier.invoke({"payload": {"test": "x"}})
    with pytest.raises(EventError, match="this function accepts"):
        notifier.invoke({"payload": {}})


def test_what_is_in_force_is_shown_without_addresses(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook(events=["failed"]))
    (shown,) = notifier.invoke({})["destinations"]
    assert shown["name"] == "hook" and shown["events"] == ["failed"] and len(shown["jobs"]) >= 3
    assert notifier.receiver.url("") not in json.dumps(shown)


def test_a_success_costs_no_statement_more(
    notifier: NotifierHarness, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    query = con.query

    def noted(sql: str, **params: Any) -> list[list[Any]]:
        statements.append(sql)
        return query(sql, **params)

    monkeypatch.setattr(con, "query", noted)
    notifier.run(None)
    assert [sql for sql in statements if "notification" in sql] == [
        sql for sql in statements if "finished AS" in sql
    ]
    assert len(statements) == 3  # started, finished, read for the answer of the direct invocation


def test_notifications_are_purged(notifier: NotifierHarness, con: Connection, environment: Any) -> None:
    notifier.fail_runs()
    con.query("UPDATE notification SET at = at - interval '91 days'")
    retention.purge_history(con, con.now(), settings=environment)
    assert rows(con) == [] and notifier.deliveries() == []


def test_the_health_check_reports_failing_deliveries(notifier: NotifierHarness, con: Connection) -> None:
    def said() -> list[tuple[str, bool]]:
        return [(problem.text, problem.is_outage) for problem in find_problems(con, con.now())]

    notifier.run("no")
    assert said() == []
    con.query("UPDATE notification SET at = at - interval '13 minutes'")
    assert said() == [("the notifier is failing to process notifications; its log has the reason", True)]
    notifier.receiver.answer("/hook", 410)
    notifier.process_all()
    assert said() == [("notifications to hook are switched off: its last answer was HTTP 410", False)]
    notifier.set_destinations(notifier.webhook() | {"url": notifier.receiver.url("/new")})
    notifier.run("again")
    notifier.process_all()
    assert said() == []
