"""Receivers that reject, are slow or are gone, a notifier that dies, and the other destinations."""

import json
import threading
import time
from datetime import timedelta
from typing import Any

import boto3
import pytest

from notifier.deliver import deliver
from slowmatch.db import Connection
from slowmatch.notifications import delivery, sender
from slowmatch.notifications.destinations import Destination
from slowmatch.settings import Settings
from tests.conftest import STACK
from tests.integration.notify.conftest import NotifierHarness
from tests.integration.notify.test_notify import run


def end_rests(notifier: NotifierHarness) -> None:
    """Make all that is waiting due, and end every rest."""
    notifier.con.query(
        "UPDATE notification_delivery SET due_at = now() - interval '1 second' WHERE state = 'waiting'"
    )
    notifier.con.query("UPDATE notification_destination SET rests_until = NULL, busy_until = NULL")


def attempt_all(notifier: NotifierHarness, name: str = "hook") -> None:
    """Deliver everything that waits for a destination."""
    rows = notifier.con.query(
        "SELECT notification_id::text FROM notification_delivery WHERE destination = :name AND state = 'waiting'",
        name=name,
    )
    notifier.deliver(*(json.dumps({"notification": row[0], "destination": name}) for row in rows))


def test_a_receiver_in_trouble_is_tried_again_under_the_same_event_id(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook())
    notifier.receiver.answer("/hook", 503, 500, 429, 200)
    run(notifier, "no")
    notifier.process_all()
    assert notifier.deliveries() == [["hook", "waiting", 1, "HTTP 503"]] and notifier.delayed() == 1
    for _ in range(4):
        end_rests(notifier)
        attempt_all(notifier)
    assert notifier.deliveries() == [["hook", "sent", 4, "HTTP 200"]]
    assert len({post.headers["Slowmatch-Event-Id"] for post in notifier.receiver.posts}) == 1


def test_retry_after_is_honoured(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    notifier.receiver.answer("/hook", 429, Retry_After="1234")
    run(notifier, "no")
    before = con.now()
    notifier.process_all()
    ((due, rests),) = con.query(
        "SELECT due_at, rests_until FROM notification_delivery, notification_destination"
    )
    assert due == rests and timedelta(seconds=1234) <= due - before < timedelta(seconds=1300)
    attempt_all(notifier)
    assert len(notifier.receiver.posts) == 1


def test_a_rest_lasts_at_most_six_hours(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    notifier.receiver.answer("/hook", 503, Retry_After="99999999")
    run(notifier, "no")
    notifier.process_all()
    ((due,),) = con.query("SELECT due_at FROM notification_delivery")
    assert timedelta(hours=5.9) < due - con.now() < timedelta(hours=6)


def test_failures_in_a_row_are_counted_up_to_the_next_success(
    notifier: NotifierHarness, con: Connection
) -> None:
    notifier.set_destinations(notifier.webhook())
    notifier.receiver.answer("/hook", 500, 500, 200)
    run(notifier, "no")
    notifier.process_all()
    counted = con.query("SELECT failures FROM notification_destination")
    for _ in range(2):
        end_rests(notifier)
        attempt_all(notifier)
        counted += con.query("SELECT failures FROM notification_destination")
    assert counted == [[1], [2], [0]]


def test_a_new_address_pays_for_no_failure_of_the_old_one(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    notifier.receiver.answer("/hook", 503, Retry_After="1234")
    notifier.receiver.answer("/new", 503)
    run(notifier, "one")
    notifier.process_all()
    notifier.set_destinations(notifier.webhook() | {"url": notifier.receiver.url("/new")})
    run(notifier, "two")
    notifier.process_all()
    assert [post.json["text"] for post in notifier.receiver.at("/new")] == ["Permanent: two"]
    assert con.query("SELECT failures FROM notification_destination") == [[1]]


def test_what_was_sent_stays_so_when_its_destination_leaves_the_list(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    (body,) = notifier.visible_messages()
    notifier.deliver(body)
    notifier.set_destinations()
    notifier.deliver(body)
    assert notifier.deliveries() == [["hook", "sent", 1, "HTTP 200"]]


def test_after_twenty_attempts_it_is_given_up_and_reported(notifier: NotifierHarness, caplog: Any) -> None:
    notifier.set_destinations(notifier.webhook())
    notifier.receiver.answer("/hook", 500)
    run(notifier, "no")
    notifier.process_all()
    for _ in range(22):
        end_rests(notifier)
        attempt_all(notifier)
    assert notifier.deliveries() == [["hook", "given_up", 20, "HTTP 500"]]
    assert "gave up after attempt 20: notification (failed, record-expiry) to hook: HTTP 500" in caplog.text


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_refusal_that_will_not_change_is_given_up_at_once(
    notifier: NotifierHarness, status: int, caplog: Any
) -> None:
    notifier.set_destinations(notifier.webhook())
    notifier.receiver.answer("/hook", status, body=b"no_service")
    run(notifier, "no")
    notifier.process_all()
    assert notifier.deliveries() == [["hook", "given_up", 1, f"HTTP {status}: no_service"]]
    assert "gave up" in caplog.text and notifier.receiver.url("") not in caplog.text


def test_gone_switches_off_alerts_the_others_and_a_new_address_switches_on(
    notifier: NotifierHarness, caplog: Any
) -> None:
    notifier.set_destinations(notifier.webhook("old"), notifier.webhook("other", events=["alarm"]))
    notifier.receiver.answer("/old", 410)
    run(notifier, "one")
    run(notifier, "two")
    notifier.process_all()
    notifier.process_all()
    assert len(notifier.receiver.at("/old")) == 1
    (post,) = notifier.receiver.at("/other")
    assert post.json["title"] == "Notifications to old: in alarm" and "410 Gone" in post.json["text"]
    assert "destination old responded 410 Gone and is switched off" in caplog.text
    assert [d["switched_off"] for d in notifier.invoke({})["destinations"]] == ["HTTP 410", None]
    run(notifier, "three")
    notifier.process_all()
    notifier.process_all()
    assert len(notifier.receiver.at("/old")) == 1
    notifier.set_destinations(notifier.webhook("old") | {"url": notifier.receiver.url("/new")})
    run(notifier, None)
    notifier.process_all()
    assert [post.json["event"] for post in notifier.receiver.at("/new")] == ["recovered"]


def test_a_digest_that_was_given_up_is_replaced_at_the_new_address(
    notifier: NotifierHarness,
) -> None:
    notifier.set_destinations(notifier.webhook(events=["failed"]))
    notifier.receiver.answer("/hook", 410)
    for number in range(4):
        run(notifier, f"error {number}")
    notifier.process_all()
    assert {row[1] for row in notifier.deliveries()} == {"given_up"}
    notifier.set_destinations(notifier.webhook(events=["failed"]) | {"url": notifier.receiver.url("/new")})
    for number in range(4, 6):
        run(notifier, f"error {number}")
    notifier.process_all()
    end_rests(notifier)
    attempt_all(notifier)
    (post,) = notifier.receiver.at("/new")
    assert post.json["count"] == 2 and post.json["text"].endswith("error 4")


def test_a_slow_receiver_does_not_hold_up_the_others(
    notifier: NotifierHarness, environment: Settings, lambda_context: Any
) -> None:
    notifier.set_destinations(notifier.webhook("silent"), notifier.webhook("quick"))
    run(notifier, "one")
    run(notifier, "two")
    notifier.route()
    others = sorted(notifier.visible_messages(), key=lambda body: "quick" in body)[1:]
    con = Connection(environment)
    to = Destination("silent", "webhook", notifier.receiver.url("/silent"), "0123456789abcdef")
    working = threading.Thread(target=deliver, args=(con, "silent", {"silent": to}, lambda: 0))
    working.start()
    deadline = time.monotonic() + 10
    while not notifier.receiver.at("/silent"):
        assert time.monotonic() < deadline
    notifier.deliver(*others)
    assert len(notifier.receiver.at("/quick")) == 2
    assert len(notifier.receiver.at("/silent")) == 1  # the second one waits for the first
    notifier.receiver.released.set()
    working.join()
    con.close()


def test_no_answer_is_tried_again(notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "notifier.deliver.post",
        lambda url, body, headers: sender.post(url, body, headers, timeout_seconds=0.2),
    )
    notifier.set_destinations(notifier.webhook("silent"))
    run(notifier, "no")
    notifier.process_all()
    assert notifier.deliveries() == [["silent", "waiting", 1, "no response within 0.2 seconds"]]


def test_a_notifier_that_dies_before_it_noted_the_answer_sends_again_under_the_same_id(
    notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    (body,) = notifier.visible_messages()
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "finish", die)
        with pytest.raises(Killed):
            notifier.deliver(body)
    notifier.deliver(body)
    assert len(notifier.receiver.posts) == 1  # the dead one may still be at it
    end_rests(notifier)
    notifier.deliver(body)
    first, second = notifier.receiver.posts
    assert first.headers["Slowmatch-Event-Id"] == second.headers["Slowmatch-Event-Id"]
    assert notifier.deliveries() == [["hook", "sent", 2, "HTTP 200"]]


def test_one_that_dies_every_time_is_given_up(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    con.query("UPDATE notification_delivery SET attempts = 20")
    notifier.deliver()
    assert notifier.receiver.posts == []
    assert notifier.deliveries() == [["hook", "given_up", 20, "no response after 20 attempts"]]


def test_a_last_attempt_that_is_under_way_is_waited_for(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    to = Destination("hook", "webhook", "https://x.example")
    con.query("UPDATE notification_delivery SET attempts = 19")
    last = delivery.claim(con, to, con.now())
    assert last is not None and last.attempt == 20
    assert delivery.claim(con, to, con.now()) is None
    delivery.finish(con, last, sender.Response(200, "HTTP 200"), con.now())
    assert notifier.deliveries() == [["hook", "sent", 20, "HTTP 200"]]


def test_two_workers_with_the_same_message_send_it_once(
    notifier: NotifierHarness, environment: Settings
) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    assert len(notifier.visible_messages()) == 1
    to = Destination("hook", "webhook", notifier.receiver.url("/hook"), "0123456789abcdef")
    together = threading.Barrier(4)

    def work() -> None:
        con = Connection(environment)
        together.wait()
        deliver(con, "hook", {"hook": to}, lambda: 0)
        con.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(notifier.receiver.posts) == 1


def test_a_lost_message_is_sent_again_by_the_dispatcher(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    assert len(notifier.visible_messages()) == 1
    notifier.dispatch()
    assert notifier.visible_messages() == []  # it may still be on its way
    con.query("UPDATE notification_delivery SET message_at = now() - interval '11 minutes'")
    notifier.dispatch()
    notifier.deliver()
    assert len(notifier.receiver.posts) == 1


def test_the_message_of_a_later_delivery_goes_ahead_with_its_delay_and_again_only_when_it_is_overdue(
    notifier: NotifierHarness, con: Connection
) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    notifier.visible_messages()
    now, minute = con.now(), timedelta(minutes=1)
    con.query("UPDATE notification_delivery SET due_at = :due, message_at = NULL", due=now + 14 * minute)
    sent = [delivery.send_waiting(con, now + minutes * minute) for minutes in (-2, 0, 11, 23, 25)]
    assert sent == [0, 1, 0, 0, 1]
    assert notifier.delayed() == len(notifier.visible_messages()) == 1


def test_a_queue_that_takes_nothing_delays_only(notifier: NotifierHarness, con: Connection) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    client, name = boto3.client("sqs"), f"{STACK}-notify"
    client.delete_queue(QueueUrl=notifier.url)
    notifier.route()
    client.create_queue(QueueName=name)
    con.query("UPDATE notification_delivery SET message_at = now() - interval '11 minutes'")
    notifier.dispatch()
    notifier.deliver()
    assert len(notifier.receiver.posts) == 1


def test_a_topic_that_takes_nothing_fails_no_run(
    notifier: NotifierHarness, con: Connection, caplog: Any
) -> None:
    notifier.set_destinations(notifier.webhook())
    boto3.client("sns").delete_topic(TopicArn=notifier.topic_arn)
    run(notifier, "no")
    assert "rejected a message" in caplog.text
    assert con.query("SELECT state FROM job_run") == [["failed"]]
    assert con.query("SELECT event, routed_at FROM notification") == [["failed", None]]


def test_deliveries_to_a_removed_destination_are_given_up(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook())
    run(notifier, "no")
    notifier.route()
    notifier.set_destinations()
    notifier.deliver()
    assert notifier.receiver.posts == []
    assert notifier.deliveries() == [["hook", "given_up", 0, "the destination is no longer in the secret"]]


@pytest.mark.parametrize("body", ["", "{}", "no json", '{"notification": "x", "destination": "hook"}', "[]"])
def test_a_malformed_message_stays_for_the_dead_letters(notifier: NotifierHarness, body: str) -> None:
    notifier.set_destinations(notifier.webhook())
    assert notifier.deliver(body or "null") == ["0"]


@pytest.mark.parametrize("sns", [None, [None], "text", 5])
def test_a_record_whose_sns_is_not_an_object_stays_for_the_dead_letters(
    notifier: NotifierHarness, sns: Any
) -> None:
    answer = notifier.invoke({"Records": [{"messageId": "0", "Sns": sns}]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
