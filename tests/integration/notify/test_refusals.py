"""Destinations that refuse or stay silent: who learns of it, and how they are switched on again."""

import re
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.notifications.publishing import find_problems
from tests.integration.notify.conftest import NotifierHarness


@pytest.fixture
def pair(notifier: NotifierHarness) -> NotifierHarness:
    """With the destination hook, and another one for alarms."""
    notifier.set_destinations(notifier.webhook(), notifier.webhook("other", events=["alarm"]))
    return notifier


def shown(notifier: NotifierHarness) -> Any:
    return notifier.invoke({})["destinations"][0]


def fail_each(notifier: NotifierHarness, *jobs: str) -> None:
    for job in jobs:
        notifier.run("error", job=job)
        notifier.process_all()


@pytest.mark.parametrize("status", [404, 410])
def test_a_receiver_that_is_no_more_is_switched_off_at_once(pair: NotifierHarness, status: int) -> None:
    pair.receiver.answer("/hook", status, body=b"no_service")
    fail_each(pair, "db-cleanup")
    found = shown(pair)
    assert found["switched_off"] == found["last_answer"] == f"HTTP {status}: no_service"
    assert found["failing_since"] is not None
    fail_each(pair, "record-expiry")
    assert len(pair.receiver.at("/hook")) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_denied_destination_is_switched_off_after_three_answers(pair: NotifierHarness, status: int) -> None:
    pair.receiver.answer("/hook", status)
    fail_each(pair, "db-cleanup", "record-expiry")
    assert shown(pair)["switched_off"] is None
    fail_each(pair, "daily-summary", "db-cleanup")
    assert shown(pair)["switched_off"] == f"HTTP {status}"
    assert len(pair.receiver.at("/hook")) == 3


def test_the_others_are_told_once_that_one_refuses_and_when_it_accepts_again(pair: NotifierHarness) -> None:
    pair.receiver.answer("/hook", 400, 400, 200)
    fail_each(pair, "db-cleanup", "record-expiry")
    pair.process_all()
    assert pair.titles("/other") == ["Notifications to hook: in alarm"]
    assert (
        pair.receiver.at("/other")[0].json["text"].startswith("It did not accept a notification: HTTP 400.")
    )
    pair.run(None, job="db-cleanup")
    pair.process_all()
    pair.advance(minutes=1)
    assert pair.titles("/other")[1:] == ["Notifications to hook: OK"]


def test_a_destination_is_not_told_of_itself(pair: NotifierHarness) -> None:
    pair.receiver.answer("/hook", 400, 200)
    fail_each(pair, "db-cleanup")
    pair.process_all()
    assert [post.json["event"] for post in pair.receiver.at("/hook")] == ["failed"]


def test_a_destination_whose_attempts_are_used_up_is_shown(pair: NotifierHarness, con: Connection) -> None:
    pair.receiver.answer("/hook", 503)
    fail_each(pair, "db-cleanup")
    con.query("UPDATE notification_delivery SET attempts = 19")
    pair.end_rests()
    pair.attempt_all()
    pair.process_all()
    assert pair.titles("/other") == ["Notifications to hook: in alarm"]
    (problem,) = find_problems(con, con.now())
    assert problem.text == "notifications to hook are lost: its last answer was HTTP 503"
    assert problem.since is not None and not problem.is_outage
    assert (shown(pair)["last_answer"], shown(pair)["switched_off"]) == ("HTTP 503", None)


def test_each_notification_that_is_given_up_is_counted(
    pair: NotifierHarness, con: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    pair.run("refused, and switches it off", job="db-cleanup")
    pair.run("waits meanwhile", job="record-expiry")
    pair.receiver.answer("/hook", 404)
    pair.process_all()
    fail_each(pair, "db-cleanup")
    moved = pair.webhook() | {"url": pair.receiver.url("/new")}
    pair.set_destinations(moved)
    pair.route_failure()
    con.query("UPDATE notification_delivery SET attempts = 20")
    pair.deliver()
    pair.route_failure()
    pair.set_destinations()
    pair.deliver()
    counted = re.findall(r'"NotificationFailed":(\d+)', capsys.readouterr().out)
    given_up = [answer for name, state, _, answer in pair.deliveries() if state == "given_up"]
    assert sorted(given_up) == [
        "HTTP 404",
        "no response after 20 attempts",
        "the destination is no longer in the secret",
        "the destination is switched off",
        "the destination was switched off",
    ]
    assert sum(map(int, counted)) == len(given_up)


def test_a_successful_test_switches_on_again_and_says_so(pair: NotifierHarness, con: Connection) -> None:
    pair.receiver.answer("/hook", 404, 404, 200)
    fail_each(pair, "db-cleanup")
    assert pair.invoke({"payload": {"test": "hook"}})["switched_on"] is False
    assert shown(pair)["switched_off"] == "HTTP 404"
    answer = pair.invoke({"payload": {"test": "hook"}})
    assert (answer["taken"], answer["switched_on"]) == (True, True)
    assert shown(pair)["switched_off"] is None and not list(find_problems(con, con.now()))
    pair.process_all()
    assert pair.titles("/other")[-1] == "Notifications to hook: OK"
    assert pair.invoke({"payload": {"test": "hook"}})["switched_on"] is False


def test_a_destination_that_was_off_is_told_what_fails_and_nothing_else(pair: NotifierHarness) -> None:
    pair.receiver.answer("/hook", 404, 200)
    fail_each(pair, "db-cleanup", "record-expiry", "db-cleanup")
    pair.run(None, job="record-expiry")
    pair.process_all()
    pair.invoke({"payload": {"test": "hook"}})
    pair.advance(minutes=1)
    told = [(post.json["job"], post.json["state"]) for post in pair.receiver.at("/hook")[2:]]
    assert told == [("db-cleanup", "failing")]


def test_what_a_destination_refuses_by_itself_is_tried_once_more(pair: NotifierHarness) -> None:
    pair.receiver.answer("/hook", 400, 200, 400, 200)
    fail_each(pair, "db-cleanup", "record-expiry")
    pair.process_all()
    fail_each(pair, "daily-summary")
    jobs = [post.json["job"] for post in pair.receiver.at("/hook")]
    assert jobs == ["db-cleanup", "record-expiry", "db-cleanup", "daily-summary"]
