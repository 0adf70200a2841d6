"""Receivers that refuse, are slow, are gone or die in the middle, and the others beside them."""

import json
import threading
import time
from datetime import timedelta
from typing import Any

import boto3
import pytest

from notifier import deliver as delivering
from slowmatch.db import Connection
from slowmatch.notifications import Destination, delivery, queue, sender
from slowmatch.settings import Settings
from tests.conftest import STACK
from tests.integration.notify.conftest import Telling
from tests.integration.notify.test_notify import run


def rested(telling: Telling) -> None:
    """Let the time until the next attempt pass."""
    telling.con.query(
        "UPDATE notification_delivery SET due_at = now() - interval '1 second' WHERE state = 'waiting'"
    )
    telling.con.query("UPDATE notification_destination SET rests_until = NULL, busy_until = NULL")


def attempt(telling: Telling, name: str = "hook") -> None:
    """Whatever waits for a destination is tried."""
    rows = telling.con.query(
        "SELECT notification_id::text FROM notification_delivery WHERE destination = :name AND state = 'waiting'",
        name=name,
    )
    telling.deliver(*(json.dumps({"notification": row[0], "destination": name}) for row in rows))


def test_a_receiver_in_trouble_is_tried_again_under_the_same_event_id(telling: Telling) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", 503, 500, 429, 200)
    run(telling, "no")
    telling.tell()
    assert telling.deliveries() == [["hook", "waiting", 1, "HTTP 503"]] and telling.delayed() == 1
    for _ in range(4):
        rested(telling)
        attempt(telling)
    assert telling.deliveries() == [["hook", "sent", 4, "HTTP 200"]]
    assert len({sender.headers["Slowmatch-Event-Id"] for sender in telling.receiver.posts}) == 1


def test_retry_after_is_honoured(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", 429, Retry_After="1234")
    run(telling, "no")
    before = con.now()
    telling.tell()
    ((due, rests),) = con.query(
        "SELECT due_at, rests_until FROM notification_delivery, notification_destination"
    )
    assert due == rests and timedelta(seconds=1234) <= due - before < timedelta(seconds=1300)
    attempt(telling)
    assert len(telling.receiver.posts) == 1


def test_a_rest_of_more_than_six_hours_is_not_believed(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", 503, Retry_After="99999999")
    run(telling, "no")
    telling.tell()
    ((due,),) = con.query("SELECT due_at FROM notification_delivery")
    assert timedelta(hours=5.9) < due - con.now() < timedelta(hours=6)


def test_failures_in_a_row_are_counted_up_to_the_next_success(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", 500, 500, 200)
    run(telling, "no")
    telling.tell()
    counted = con.query("SELECT failures FROM notification_destination")
    for _ in range(2):
        rested(telling)
        attempt(telling)
        counted += con.query("SELECT failures FROM notification_destination")
    assert counted == [[1], [2], [0]]


def test_a_new_address_pays_for_no_failure_of_the_old_one(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", 503, Retry_After="1234")
    telling.receiver.answer("/new", 503)
    run(telling, "one")
    telling.tell()
    telling.to(telling.webhook() | {"url": telling.receiver.url("/new")})
    run(telling, "two")
    telling.tell()
    assert [sender.json["text"] for sender in telling.receiver.at("/new")] == ["Permanent: two"]
    assert con.query("SELECT failures FROM notification_destination") == [[1]]


def test_what_was_sent_stays_so_when_its_destination_leaves_the_list(telling: Telling) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    (body,) = telling.bodies()
    telling.deliver(body)
    telling.to()
    telling.deliver(body)
    assert telling.deliveries() == [["hook", "sent", 1, "HTTP 200"]]


def test_after_twenty_attempts_it_is_given_up_and_reported(telling: Telling, caplog: Any) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", 500)
    run(telling, "no")
    telling.tell()
    for _ in range(22):
        rested(telling)
        attempt(telling)
    assert telling.deliveries() == [["hook", "given_up", 20, "HTTP 500"]]
    assert "given up at attempt 20: failed of record-expiry to hook: HTTP 500" in caplog.text


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_refusal_that_will_not_change_is_given_up_at_once(
    telling: Telling, status: int, caplog: Any
) -> None:
    telling.to(telling.webhook())
    telling.receiver.answer("/hook", status, body=b"no_service")
    run(telling, "no")
    telling.tell()
    assert telling.deliveries() == [["hook", "given_up", 1, f"HTTP {status}: no_service"]]
    assert "given up" in caplog.text and telling.receiver.url("") not in caplog.text


def test_gone_switches_off_tells_the_others_and_a_new_address_switches_on(
    telling: Telling, caplog: Any
) -> None:
    telling.to(telling.webhook("old"), telling.webhook("other", events=["alarm"]))
    telling.receiver.answer("/old", 410)
    run(telling, "one")
    run(telling, "two")
    telling.tell()
    telling.tell()
    assert len(telling.receiver.at("/old")) == 1
    (told,) = telling.receiver.at("/other")
    assert told.json["title"] == "Notifications to old: in alarm" and "410 Gone" in told.json["text"]
    assert "destination old answered 410 Gone and is switched off" in caplog.text
    assert [d["switched_off"] for d in telling.invoke({})["destinations"]] == ["HTTP 410", None]
    run(telling, "three")
    telling.tell()
    telling.tell()
    assert len(telling.receiver.at("/old")) == 1
    telling.to(telling.webhook("old") | {"url": telling.receiver.url("/new")})
    run(telling, None)
    telling.tell()
    assert [sender.json["event"] for sender in telling.receiver.at("/new")] == ["recovered"]


def test_a_storm_that_was_to_be_told_where_nothing_goes_any_more_is_told_at_the_new_address(
    telling: Telling,
) -> None:
    telling.to(telling.webhook(events=["failed"]))
    telling.receiver.answer("/hook", 410)
    for number in range(4):
        run(telling, f"error {number}")
    telling.tell()
    assert {row[1] for row in telling.deliveries()} == {"given_up"}
    telling.to(telling.webhook(events=["failed"]) | {"url": telling.receiver.url("/new")})
    for number in range(4, 6):
        run(telling, f"error {number}")
    telling.tell()
    rested(telling)
    attempt(telling)
    (told,) = telling.receiver.at("/new")
    assert told.json["count"] == 2 and told.json["text"].endswith("error 4")


def test_a_slow_receiver_does_not_hold_up_the_others(
    telling: Telling, environment: Settings, lambda_context: Any
) -> None:
    telling.to(telling.webhook("silent"), telling.webhook("quick"))
    run(telling, "one")
    run(telling, "two")
    telling.route()
    others = sorted(telling.bodies(), key=lambda body: "quick" in body)[1:]
    con = Connection(environment)
    to = Destination("silent", "webhook", telling.receiver.url("/silent"), "0123456789abcdef")
    working = threading.Thread(target=delivering.deliver, args=(con, "silent", [to], lambda: 0))
    working.start()
    deadline = time.monotonic() + 10
    while not telling.receiver.at("/silent"):
        assert time.monotonic() < deadline
    telling.deliver(*others)
    assert len(telling.receiver.at("/quick")) == 2
    assert len(telling.receiver.at("/silent")) == 1  # the second one waits for the first
    telling.receiver.released.set()
    working.join()
    con.close()


def test_no_answer_is_tried_again(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "post", lambda url, body, headers: sender.post(url, body, headers, 0.2))
    telling.to(telling.webhook("silent"))
    run(telling, "no")
    telling.tell()
    assert telling.deliveries() == [["silent", "waiting", 1, "no answer within 0.2 seconds"]]


def test_a_notifier_that_dies_before_it_noted_the_answer_sends_again_under_the_same_id(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    (body,) = telling.bodies()
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "note", die)
        with pytest.raises(Killed):
            telling.deliver(body)
    telling.deliver(body)
    assert len(telling.receiver.posts) == 1  # the dead one may still be at it
    rested(telling)
    telling.deliver(body)
    first, second = telling.receiver.posts
    assert first.headers["Slowmatch-Event-Id"] == second.headers["Slowmatch-Event-Id"]
    assert telling.deliveries() == [["hook", "sent", 2, "HTTP 200"]]


def test_one_that_dies_every_time_is_given_up(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    con.query("UPDATE notification_delivery SET attempts = 20")
    telling.deliver()
    assert telling.receiver.posts == []
    assert telling.deliveries() == [["hook", "given_up", 20, "no answer to 20 attempts"]]


def test_a_last_attempt_that_is_under_way_is_waited_for(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    to = Destination("hook", "webhook", "https://x.example")
    con.query("UPDATE notification_delivery SET attempts = 19")
    last = delivery.claim(con, to, con.now())
    assert last is not None and last.attempt == 20
    assert delivery.claim(con, to, con.now()) is None
    delivery.note(con, last, "hook", sender.Answer(200, "HTTP 200"), con.now())
    assert telling.deliveries() == [["hook", "sent", 20, "HTTP 200"]]


def test_two_workers_with_the_same_message_send_it_once(telling: Telling, environment: Settings) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    assert len(telling.bodies()) == 1
    to = Destination("hook", "webhook", telling.receiver.url("/hook"), "0123456789abcdef")
    together = threading.Barrier(4)

    def work() -> None:
        con = Connection(environment)
        together.wait()
        delivering.deliver(con, "hook", [to], lambda: 0)
        con.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(telling.receiver.posts) == 1


def test_a_lost_message_is_sent_again_by_the_dispatcher(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    assert len(telling.bodies()) == 1
    telling.dispatch()
    assert telling.bodies() == []  # it may still be on its way
    con.query("UPDATE notification_delivery SET message_at = now() - interval '11 minutes'")
    telling.dispatch()
    telling.deliver()
    assert len(telling.receiver.posts) == 1


def test_the_message_of_a_later_delivery_goes_ahead_with_its_delay_and_again_only_when_it_is_overdue(
    telling: Telling, con: Connection
) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    telling.bodies()
    now, minute = con.now(), timedelta(minutes=1)
    con.query("UPDATE notification_delivery SET due_at = :due, message_at = NULL", due=now + 14 * minute)
    sent = [queue.send_waiting(con, now + minutes * minute) for minutes in (-2, 0, 11, 23, 25)]
    assert sent == [0, 1, 0, 0, 1]
    assert telling.delayed() == len(telling.bodies()) == 1


def test_a_queue_that_takes_nothing_delays_only(telling: Telling, con: Connection) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    client, name = boto3.client("sqs"), f"{STACK}-notify"
    client.delete_queue(QueueUrl=telling.url)
    telling.route()
    client.create_queue(QueueName=name)
    con.query("UPDATE notification_delivery SET message_at = now() - interval '11 minutes'")
    telling.dispatch()
    telling.deliver()
    assert len(telling.receiver.posts) == 1


def test_a_topic_that_takes_nothing_fails_no_run(telling: Telling, con: Connection, caplog: Any) -> None:
    telling.to(telling.webhook())
    boto3.client("sns").delete_topic(TopicArn=telling.topic)
    run(telling, "no")
    assert "took no notification" in caplog.text
    assert con.query("SELECT state FROM job_run") == [["failed"]]
    assert con.query("SELECT event, routed_at FROM notification") == [["failed", None]]


def test_a_destination_that_left_the_list_is_forgotten(telling: Telling) -> None:
    telling.to(telling.webhook())
    run(telling, "no")
    telling.route()
    telling.to()
    telling.deliver()
    assert telling.receiver.posts == []
    assert telling.deliveries() == [["hook", "given_up", 0, "the destination is not in the secret any more"]]


@pytest.mark.parametrize("body", ["", "{}", "no json", '{"notification": "x", "destination": "hook"}', "[]"])
def test_a_malformed_message_stays_for_the_dead_letters(telling: Telling, body: str) -> None:
    telling.to(telling.webhook())
    assert telling.deliver(body or "null") == ["0"]
