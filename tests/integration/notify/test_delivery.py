"""Receivers that reject, are slow or are gone, a notifier that dies, and the other destinations."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import boto3
import pytest

from notifier.deliver import deliver
from slowmatch.db import Connection
from slowmatch.notifications import delivery, queue, sender
from slowmatch.notifications.destinations import Destination
from slowmatch.settings import Settings
from tests.integration.notify.conftest import NOTIFY, NotifierHarness
from tests.support import queues
from tests.support.stack_process import until


def test_a_retry_has_the_same_event_id(notifier: NotifierHarness, con: Connection) -> None:
    notifier.receiver.answer("/hook", 503, 500, 429, 200)
    notifier.fail_runs()
    assert notifier.deliveries() == [["hook", "waiting", 1, "HTTP 503"]] and notifier.delayed() == 1
    failures = con.query("SELECT failures FROM notification_destination")
    for _ in range(3):
        notifier.end_rests()
        notifier.attempt_all()
        failures += con.query("SELECT failures FROM notification_destination")
    assert notifier.deliveries() == [["hook", "sent", 4, "HTTP 200"]]
    assert failures == [[1], [2], [3], [0]]
    assert len({post.headers["Slowmatch-Event-Id"] for post in notifier.receiver.posts}) == 1


@pytest.mark.parametrize(
    ("asked", "rest"), [(1234, timedelta(seconds=1234)), (99_999_999, timedelta(hours=6))]
)
def test_retry_after_is_honoured_up_to_six_hours(
    notifier: NotifierHarness, con: Connection, asked: int, rest: timedelta
) -> None:
    notifier.receiver.answer("/hook", 429, Retry_After=str(asked))
    before = con.now()
    notifier.fail_runs()
    ((due, rests),) = con.query(
        "SELECT due_at, rests_until FROM notification_delivery, notification_destination"
    )
    assert due == rests and before + rest <= due <= con.now() + rest
    notifier.attempt_all()
    assert len(notifier.receiver.posts) == 1


def test_a_new_address_pays_for_no_failure_of_the_old_one(notifier: NotifierHarness, con: Connection) -> None:
    notifier.receiver.answer("/hook", 503, Retry_After="1234")
    notifier.receiver.answer("/new", 503)
    notifier.run("one")
    notifier.process_all()
    notifier.set_destinations(notifier.webhook() | {"url": notifier.receiver.url("/new")})
    notifier.run("two")
    notifier.process_all()
    (post,) = notifier.receiver.at("/new")
    assert post.json["count"] == 2 and post.json["text"].endswith("The last error: two")
    assert con.query("SELECT failures FROM notification_destination") == [[1]]


def test_a_new_address_is_told_at_once_what_was_folded(notifier: NotifierHarness) -> None:
    notifier.fail_one_a_minute(5)
    notifier.set_destinations(notifier.webhook() | {"url": notifier.receiver.url("/new")})
    notifier.fail_runs()
    (post,) = notifier.receiver.at("/new")
    assert (post.json["count"], post.json["state"]) == (3, "failing")


def test_what_was_sent_stays_so_without_its_destination(notifier: NotifierHarness) -> None:
    notifier.route_failure()
    (body,) = notifier.visible_messages()
    notifier.deliver(body)
    notifier.set_destinations()
    notifier.deliver(body)
    assert notifier.deliveries() == [["hook", "sent", 1, "HTTP 200"]]


def test_after_twenty_attempts_it_is_given_up_and_reported(notifier: NotifierHarness, caplog: Any) -> None:
    notifier.receiver.answer("/hook", 500)
    notifier.fail_runs()
    for _ in range(22):
        notifier.end_rests()
        notifier.attempt_all()
    assert notifier.deliveries() == [["hook", "given_up", 20, "HTTP 500"]]
    assert "gave up after attempt 20: notification (failed, record-expiry) to hook: HTTP 500" in caplog.text


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_final_refusal_is_given_up_at_once_and_counted(
    notifier: NotifierHarness, status: int, caplog: Any, capsys: Any
) -> None:
    notifier.receiver.answer("/hook", status, body=b"no_service")
    notifier.fail_runs()
    assert notifier.deliveries() == [["hook", "given_up", 1, f"HTTP {status}: no_service"]]
    assert "gave up" in caplog.text and notifier.receiver.url("") not in caplog.text
    assert '"NotificationFailed":1' in capsys.readouterr().out


def test_a_destination_that_is_gone_is_switched_off_until_its_address_changes(
    notifier: NotifierHarness, caplog: Any
) -> None:
    notifier.set_destinations(notifier.webhook("old"), notifier.webhook("other", events=["alarm"]))
    notifier.receiver.answer("/old", 410)
    notifier.fail_runs(2)
    notifier.process_all()
    assert len(notifier.receiver.at("/old")) == 1
    assert notifier.titles("/other") == ["Notifications to old: in alarm"]
    assert "HTTP 410. It is switched off until" in notifier.receiver.at("/other")[0].json["text"]
    assert [d["switched_off"] for d in notifier.invoke({})["destinations"]] == ["HTTP 410", None]
    notifier.fail_runs()
    notifier.process_all()
    assert len(notifier.receiver.at("/old")) == 1
    notifier.set_destinations(
        notifier.webhook("old") | {"url": notifier.receiver.url("/new")},
        notifier.webhook("other", events=["alarm"]),
    )
    notifier.run(None)
    notifier.process_all()
    assert [post.json["event"] for post in notifier.receiver.at("/new")] == ["recovered"]
    notifier.route()
    notifier.advance(minutes=1)
    assert notifier.titles("/other")[1:] == ["Notifications to old: OK"]


def test_a_slow_receiver_holds_up_no_other(notifier: NotifierHarness, environment: Settings) -> None:
    notifier.set_destinations(notifier.webhook("silent"), notifier.webhook("quick"))
    notifier.run("one")
    notifier.run("two", job="db-cleanup")
    notifier.route()
    others = sorted(notifier.visible_messages(), key=lambda body: "quick" in body)[1:]
    con = Connection(environment)
    to = Destination("silent", "webhook", notifier.receiver.url("/silent"), "0123456789abcdef")
    working = threading.Thread(target=deliver, args=(con, "silent", {"silent": to}, lambda: 0))
    working.start()
    until(lambda: notifier.receiver.at("/silent"))
    notifier.deliver(*others)
    assert len(notifier.receiver.at("/quick")) == 2
    assert len(notifier.receiver.at("/silent")) == 1  # the second one waits for the first
    notifier.receiver.released.set()
    working.join()
    con.close()


def test_a_notifier_that_died_sends_again(notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    notifier.route_failure()
    (body,) = notifier.visible_messages()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(delivery, "finish", die)
        notifier.deliver(body)
    notifier.deliver(body)
    assert len(notifier.receiver.posts) == 1  # the dead one may still be at it
    notifier.end_rests()
    notifier.deliver(body)
    first, second = notifier.receiver.posts
    assert first.headers["Slowmatch-Event-Id"] == second.headers["Slowmatch-Event-Id"]
    assert notifier.deliveries() == [["hook", "sent", 2, "HTTP 200"]]


def test_one_that_dies_every_time_is_given_up(notifier: NotifierHarness, con: Connection) -> None:
    notifier.route_failure()
    con.query("UPDATE notification_delivery SET attempts = 20")
    notifier.deliver()
    assert notifier.receiver.posts == []
    assert notifier.deliveries() == [["hook", "given_up", 20, "no response after 20 attempts"]]


def test_a_last_attempt_that_is_under_way_is_waited_for(notifier: NotifierHarness, con: Connection) -> None:
    notifier.route_failure()
    to = Destination("hook", "webhook", "https://x.example")
    con.query("UPDATE notification_delivery SET attempts = 19")
    last = delivery.claim(con, to, con.now())
    assert last is not None and last.attempt == 20
    assert delivery.claim(con, to, con.now()) is None
    delivery.finish(con, last, sender.Response(200, "HTTP 200"), con.now())
    assert notifier.deliveries() == [["hook", "sent", 20, "HTTP 200"]]


def test_two_workers_send_the_same_message_once(notifier: NotifierHarness, environment: Settings) -> None:
    notifier.route_failure()
    assert len(notifier.visible_messages()) == 1
    to = Destination("hook", "webhook", notifier.receiver.url("/hook"), "0123456789abcdef")
    together = threading.Barrier(4)

    def work() -> None:
        with closing(Connection(environment)) as con:
            together.wait()
            deliver(con, "hook", {"hook": to}, lambda: 0)

    with ThreadPoolExecutor(4) as threads:
        for worker in [threads.submit(work) for _ in range(4)]:
            worker.result()
    assert len(notifier.receiver.posts) == 1


def test_a_lost_message_is_sent_again_by_the_dispatcher(notifier: NotifierHarness, con: Connection) -> None:
    notifier.route_failure()
    assert len(notifier.visible_messages()) == 1
    notifier.dispatch()
    assert notifier.visible_messages() == []  # it may still be on its way
    con.query("UPDATE notification_delivery SET message_at = now() - interval '11 minutes'")
    notifier.dispatch()
    notifier.deliver()
    assert len(notifier.receiver.posts) == 1


def test_a_delayed_message_is_resent_once_overdue(notifier: NotifierHarness, con: Connection) -> None:
    notifier.route_failure()
    notifier.visible_messages()
    now, minute = con.now(), timedelta(minutes=1)
    con.query("UPDATE notification_delivery SET due_at = :due, message_at = NULL", due=now + 14 * minute)
    sent = [queue.send_waiting(con, now + minutes * minute) for minutes in (-2, 0, 11, 23, 25)]
    assert sent == [0, 1, 0, 0, 1]
    assert notifier.delayed() == len(notifier.visible_messages()) == 1


def test_a_queue_that_takes_nothing_delays_only(notifier: NotifierHarness, con: Connection) -> None:
    notifier.run("no")
    queues.delete(NOTIFY)
    notifier.route()
    queues.create([NOTIFY])
    con.query("UPDATE notification_delivery SET message_at = now() - interval '11 minutes'")
    notifier.dispatch()
    notifier.deliver()
    assert len(notifier.receiver.posts) == 1


def test_a_broken_topic_fails_no_run(notifier: NotifierHarness, con: Connection, caplog: Any) -> None:
    boto3.client("sns").delete_topic(TopicArn=notifier.topic_arn)
    notifier.run("no")
    assert "rejected a message" in caplog.text
    assert con.query("SELECT state FROM job_run") == [["failed"]]
    assert con.query("SELECT event, routed_at FROM notification") == [["failed", None]]


def test_deliveries_to_a_removed_destination_are_given_up(notifier: NotifierHarness) -> None:
    notifier.route_failure()
    notifier.set_destinations()
    notifier.deliver()
    assert notifier.receiver.posts == []
    assert notifier.deliveries() == [["hook", "given_up", 0, "the destination is no longer in the secret"]]


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "{}",
        "no json",
        '{"notification": "x", "destination": "hook"}',
        "[]",
        '{"Records": 7}',
        '{"Records": [7, {"Sns": 7}]}',
    ],
)
def test_a_malformed_message_stays_for_the_dead_letters(notifier: NotifierHarness, body: str) -> None:
    assert notifier.deliver(body) == ["0"]


@pytest.mark.parametrize("sns", [None, [None], "text"])
def test_a_malformed_record_stays_for_the_dead_letters(notifier: NotifierHarness, sns: Any) -> None:
    answer = notifier.invoke({"Records": [{"messageId": "0", "Sns": sns}]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
