"""What is told, whatever the way that it is noticed; and what is said when the list is wrong."""

import json
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
from slowmatch.notifications import publish_waiting
from slowmatch.notifications.trouble import trouble
from slowmatch.settings import settings
from tests.integration.notify.conftest import Telling
from tests.integration.notify.test_notify import run

EVENTS = Path(__file__).parents[3] / "events" / "notifier"


def rows(con: Connection) -> list[list[Any]]:
    return con.query("SELECT event, job, detail FROM notification ORDER BY at, event")


def test_a_run_whose_worker_was_lost_for_the_last_time_is_told(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    enqueue(con, "db-cleanup")
    con.query(
        """
        UPDATE job_run SET state = 'processing', attempt = 11, failures = 10, started_at = now(),
               lease_until = now() - interval '1 minute'
        """
    )
    telling.dispatch()
    telling.tell()
    (post,) = telling.receiver.posts
    assert post.json["title"] == "db-cleanup failed after 11 attempts" and "Lost" in post.json["text"]


def test_an_attempt_that_is_tried_again_is_not_told(telling: Telling, con: Connection) -> None:
    enqueue(con, "db-cleanup")
    con.query(
        """
        UPDATE job_run SET state = 'processing', attempt = 1, started_at = now(),
               lease_until = now() - interval '1 minute'
        """
    )
    assert rescuer.rescue(con, con.now()) == 1
    assert rows(con) == []


def test_a_requeued_run_that_succeeds_is_a_recovery(telling: Telling, con: Connection) -> None:
    run(telling, "no")
    run(telling, None)
    (failed, recovered) = rows(con)
    assert failed[0] == "failed" and recovered[:2] == ["recovered", "record-expiry"]
    assert recovered[2].keys() == {"failed_at", "failed_run_id"}


def test_a_job_s_recovery_is_its_own(telling: Telling, con: Connection) -> None:
    run(telling, "no", job="db-cleanup")
    run(telling, None, job="record-expiry")
    assert [row[0] for row in rows(con)] == ["failed"]


def test_a_missed_tick_is_told_once(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    con.query(
        """
        INSERT INTO job (name, schedule, ticks_checked_to)
        VALUES ('record-expiry', 'cron(0 * * * ? *)', now() - interval '75 minutes')
        """
    )
    assert schedules.report_missed(con, con.now()) >= 1
    assert schedules.report_missed(con, con.now()) == 0
    ((number,),) = con.query("SELECT count(*) FROM job_missed")
    assert [row[:2] for row in rows(con)] == [["missed", "record-expiry"]] * number
    telling.dispatch()
    telling.tell()
    assert telling.receiver.posts[0].json["title"].startswith("record-expiry missed its run of 20")


def test_dead_letters_are_told_when_there_are_more_than_before(telling: Telling, con: Connection) -> None:
    dead = jobs_queue.queue_url("db-cleanup-dead")
    client = boto3.client("sqs")

    def look() -> list[Any]:
        queue_depths._read.clear()
        telling.dispatch()
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


def test_an_alarm_is_told_with_its_state_and_a_link_once(telling: Telling) -> None:
    telling.to(telling.webhook())
    event = json.loads((EVENTS / "sns-alarm.json").read_text())
    telling.invoke(event)
    telling.invoke(event)
    telling.deliver()
    (post,) = telling.receiver.posts
    assert post.json["title"] == "slowmatch-api-5xx: in alarm"
    assert post.json["text"].startswith("The HTTP API answers with server errors\nThreshold Crossed")
    assert post.json["url"] == (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/slowmatch-api-5xx"
    )


def test_an_alarm_with_a_job_s_dimension_belongs_to_that_job(telling: Telling, con: Connection) -> None:
    dimensions = [{"name": "job", "value": "db-cleanup"}]
    alarm = {"AlarmName": "a\u0000", "NewStateValue": "OK", "Trigger": {"Dimensions": dimensions}}
    telling.sns(json.dumps(alarm), "one")
    assert [row[:2] for row in rows(con)] == [["alarm", "db-cleanup"]]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\0b", "a\ufffdb"), (r"C:\u0000", r"C:\u0000"), ("half \ud83d", "half \ufffd"), ("\\\0", "\\\ufffd")],
    ids=ascii,
)
def test_an_alarm_may_say_what_postgresql_cannot_keep(
    telling: Telling, con: Connection, text: str, kept: str
) -> None:
    alarm = {"AlarmName": "a", "NewStateValue": "ALARM", "AlarmDescription": text}
    telling.sns(json.dumps(alarm | {"Trigger": {"Dimensions": [{"name": "job", "value": text}]}}), "one")
    ((_, job, detail),) = rows(con)
    assert (job, detail["description"]) == (kept, kept)


@pytest.mark.parametrize(
    "message", ["", "text", "[]", "{}", '{"notification": 7}', '{"AlarmName": "x"}', "null"]
)
def test_what_somebody_else_publishes_is_left_alone(telling: Telling, con: Connection, message: str) -> None:
    telling.sns(message, "one")
    assert rows(con) == []


def test_only_what_a_destination_chose_goes_there(telling: Telling) -> None:
    telling.to(
        telling.webhook("a", events=["recovered"]),
        telling.webhook("b", jobs=["db-cleanup"]),
        telling.webhook("c"),
    )
    run(telling, "no")
    run(telling, None)
    telling.tell()
    told = {name: [post.json["event"] for post in telling.receiver.at(f"/{name}")] for name in "abc"}
    assert told == {"a": ["recovered"], "b": [], "c": ["failed", "recovered"]}


def test_storms_are_counted_for_each_job_event_and_destination(telling: Telling) -> None:
    telling.to(telling.webhook("a"), telling.webhook("b", jobs=["db-cleanup"]))
    for number in range(5):
        run(telling, f"error {number}", job="db-cleanup")
        run(telling, f"error {number}", job="record-expiry")
    telling.tell()
    assert len(telling.receiver.at("/a")) == 6 and len(telling.receiver.at("/b")) == 3


def test_a_storm_goes_on_being_counted_when_the_limit_is_changed_in_the_middle(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling.to(telling.webhook())
    for limit in ("3", "1", "5"):
        monkeypatch.setenv("NOTIFY_FOLD_AFTER", limit)
        settings.cache_clear()
        for number in range(2):
            run(telling, f"error {number}")
        telling.tell()
    assert sorted(row[1] for row in telling.deliveries()) == [
        "folded",
        "sent",
        "sent",
        "sent",
        "waiting",
        "waiting",
    ]


def test_the_next_hour_is_counted_anew(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    for number in range(4):
        run(telling, f"error {number}")
    telling.tell()
    con.query("UPDATE notification_fold SET since = since - interval '61 minutes'")
    for _ in range(3):
        run(telling, "one more")
    telling.tell()
    assert len(telling.receiver.posts) == 6
    assert telling.receiver.posts[-1].json["text"].endswith("one more")


def test_a_wrong_list_tells_nobody_says_why_and_all_is_told_once_it_is_mended(telling: Telling) -> None:
    telling.to(telling.webhook(), telling.webhook("second") | {"url": "http://example.com/hidden"})
    run(telling, "no")
    with pytest.raises(SecretError, match=r"destination 2 \(second\): the key 'url'") as said:
        telling.route()
    assert "hidden" not in str(said.value) and telling.receiver.posts == []
    telling.to(telling.webhook())
    telling.dispatch()
    telling.tell()
    assert len(telling.receiver.posts) == 1


def test_where_people_sign_in_no_receiver_of_this_machine_is_told(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling.to(telling.webhook())
    telling.invoke({})
    monkeypatch.setenv("AUTH", "oidc")
    settings.cache_clear()
    with pytest.raises(SecretError, match="the key 'url' is missing or malformed"):
        telling.invoke({})


def test_without_destinations_nothing_is_published_again(telling: Telling) -> None:
    run(telling, "no")
    telling.route()
    telling.dispatch()
    assert telling.published() == []


def test_what_sns_did_not_take_is_published_by_the_dispatcher(telling: Telling) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    assert len(telling.published()) == 1  # and lost
    telling.dispatch()
    telling.tell()
    assert len(telling.receiver.posts) == 1


def test_what_nobody_could_be_told_for_a_day_is_no_news(telling: Telling, con: Connection) -> None:
    run(telling, "no")
    telling.published()
    con.query("UPDATE notification SET at = now() - interval '25 hours'")
    telling.dispatch()
    assert telling.published() == [] and trouble(con, con.now()) is None


def test_a_tick_publishes_the_oldest_first(telling: Telling, con: Connection) -> None:
    rows = con.query(
        """
        INSERT INTO notification (at, event, key)
        SELECT now() - number * interval '1 second', 'alarm', number::text
        FROM generate_series(1, 101) AS number RETURNING id::text
        """
    )
    assert publish_waiting(con, con.now()) == 100
    (_newest,), *others = rows
    assert {json.loads(message)["notification"] for message in telling.published()} == {
        other for (other,) in others
    }


def test_a_test_message_says_what_the_receiver_said(telling: Telling) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", 403, body=b"invalid_token")
    answer = telling.invoke({"payload": {"test": "hook"}})
    assert answer == {"destination": "hook", "taken": False, "answer": "HTTP 403: invalid_token"}
    with pytest.raises(EventError, match="there is no destination 'x'; there are: hook"):
        telling.invoke({"payload": {"test": "x"}})
    with pytest.raises(EventError, match="this function accepts"):
        telling.invoke({"payload": {}})


def test_what_is_in_force_is_shown_without_addresses(telling: Telling) -> None:
    telling.to(telling.webhook(events=["failed"]))
    (shown,) = telling.invoke({})["destinations"]
    assert shown["name"] == "hook" and shown["events"] == ["failed"] and len(shown["jobs"]) >= 3
    assert telling.receiver.url("") not in json.dumps(shown)


def test_a_success_costs_no_statement_more(
    telling: Telling, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    query = con.query

    def noted(sql: str, **params: Any) -> list[list[Any]]:
        statements.append(sql)
        return query(sql, **params)

    monkeypatch.setattr(con, "query", noted)
    run(telling, None)
    assert [sql for sql in statements if "notification" in sql] == [
        sql for sql in statements if "finished AS" in sql
    ]
    assert len(statements) == 3  # started, finished, read for the answer of the direct invocation


def test_notifications_are_purged_with_failed_runs(
    telling: Telling, con: Connection, environment: Any
) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.tell()
    con.query("UPDATE notification SET at = at - interval '91 days'")
    retention.purge_history(con, con.now(), settings=environment)
    assert rows(con) == [] and telling.deliveries() == []


def test_the_health_check_tells_when_nobody_would_hear(telling: Telling, con: Connection) -> None:
    def said() -> Any:
        return trouble(con, con.now())

    telling.to(telling.webhook())
    run(telling, "no")
    assert said() is None
    con.query("UPDATE notification SET at = at - interval '13 minutes'")
    assert said() == "the notifier does not take what there is to tell; its log has the reason"
    telling.receiver.answer("/hook", 410)
    telling.tell()
    assert said() == "switched off after 410 Gone: hook"
    telling.to(telling.webhook() | {"url": telling.receiver.url("/new")})
    run(telling, "again")
    telling.tell()
    assert said() is None
