"""A job that fails and retries is told of once, after some failures in a row, unless it is muted."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs.lifecycle import mute
from slowmatch.jobs.lifecycle.mute import Mute
from tests.conftest import SetVariable
from tests.integration.notify.conftest import NotifierHarness

JOB = "record-expiry"


def fail_attempts(notifier: NotifierHarness, number: int, job: str = JOB) -> None:
    """Let the first attempts of that many runs fail. Each is retried later."""
    for _ in range(number):
        notifier.run("the disk is full", job, kind=OSError)


def titles(notifier: NotifierHarness) -> list[str]:
    """What the receiver was told."""
    notifier.process_all()
    return [post.json["title"] for post in notifier.receiver.posts]


def silence(con: Connection, *, hours: float = 1) -> None:
    mute.mute(con, JOB, Mute(con.now() + timedelta(hours=hours), "ann", "repairs"), con.now())


def counted(con: Connection) -> list[Any]:
    return con.query("SELECT job, in_a_row FROM job_failures")


def test_the_third_failure_in_a_row_sends_one_notification(
    notifier: NotifierHarness, con: Connection
) -> None:
    fail_attempts(notifier, 2)
    assert titles(notifier) == []
    fail_attempts(notifier, 3)
    assert titles(notifier) == ["record-expiry is failing: 3 attempts failed in a row"]
    (post,) = notifier.receiver.posts
    assert "Attempt 1 of 11 failed. Next retry at 20" in post.json["text"]
    assert post.json["text"].endswith("The last error: the disk is full")
    ((first,),) = con.query("SELECT min(finished_at) FROM job_attempt")
    assert post.json["since"] == first.isoformat(), "since the first failure, of which nothing was told"
    assert post.json["detail"].keys() == {"error", "error_type", "failures", "next_at"}


def test_a_success_starts_the_count_again(notifier: NotifierHarness, con: Connection) -> None:
    fail_attempts(notifier, 2)
    assert counted(con) == [[JOB, 2]]
    notifier.run()
    assert counted(con) == []
    fail_attempts(notifier, 2)
    assert titles(notifier) == []


def test_the_number_of_failures_is_a_setting(notifier: NotifierHarness, set_variable: SetVariable) -> None:
    set_variable("NOTIFY_AFTER_FAILURES", "1")
    fail_attempts(notifier, 1)
    assert titles(notifier) == ["record-expiry is failing: an attempt failed"]


def test_failures_of_another_job_do_not_count(notifier: NotifierHarness) -> None:
    fail_attempts(notifier, 2)
    fail_attempts(notifier, 2, "db-cleanup")
    assert titles(notifier) == []


def test_a_run_that_failed_for_good_is_told_before_the_third_failure(notifier: NotifierHarness) -> None:
    notifier.run("no such mailbox")
    fail_attempts(notifier, 5)
    assert titles(notifier) == ["record-expiry failed on the first attempt"]


def test_a_job_that_was_said_to_fail_is_said_to_work_again(notifier: NotifierHarness) -> None:
    for step in (partial(fail_attempts, notifier, 3), notifier.run, partial(fail_attempts, notifier, 3)):
        step()
        notifier.process_all()
        notifier.advance(minutes=1)
    assert [title.partition(":")[0] for title in titles(notifier)] == [
        "record-expiry is failing",
        "record-expiry works again",
        "record-expiry is failing",
    ]


def test_a_muted_job_sends_nothing_about_its_failures(notifier: NotifierHarness, con: Connection) -> None:
    silence(con)
    fail_attempts(notifier, 4)
    notifier.run("no such mailbox")
    assert titles(notifier) == []


def test_a_job_that_still_fails_when_its_mute_ends_is_told_once(
    notifier: NotifierHarness, con: Connection
) -> None:
    silence(con)
    fail_attempts(notifier, 4)
    con.query("UPDATE job SET muted_until = now() - interval '1 second'")
    notifier.dispatch()
    notifier.dispatch()
    fail_attempts(notifier, 1)
    assert titles(notifier) == ["record-expiry is failing: 4 attempts failed in a row"]


@pytest.mark.parametrize("failures", [0, 2])
def test_the_end_of_a_mute_is_not_told_if_the_job_works(
    notifier: NotifierHarness, con: Connection, failures: int
) -> None:
    silence(con)
    fail_attempts(notifier, failures)
    notifier.run()
    con.query("UPDATE job SET muted_until = now() - interval '1 second'")
    notifier.dispatch()
    assert titles(notifier) == []
    assert con.query("SELECT muted_until, muted_by, mute_note FROM job WHERE name = :job", job=JOB) == [
        [None, None, None]
    ]


def test_after_a_person_unmutes_a_job_its_next_failure_is_told(
    notifier: NotifierHarness, con: Connection
) -> None:
    silence(con)
    fail_attempts(notifier, 4)
    mute.unmute(con, JOB, "ann", con.now())
    fail_attempts(notifier, 2)
    assert titles(notifier) == ["record-expiry is failing: 5 attempts failed in a row"]
