"""Two who act at the same moment: the second waits for the first, and sees what it did."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import dead_letters, redelivery, retention
from slowmatch.jobs.lifecycle import actions, create, finish, promotion
from slowmatch.jobs.lifecycle import claim as claims
from slowmatch.jobs.lifecycle.finish import EndedAttempt
from slowmatch.jobs.model import AttemptResult
from slowmatch.jobs.queries import queue_depths
from slowmatch.settings import Settings
from tests.integration.jobs.conftest import OCCURRENCE, Queues, Work, while_waited_for

JOB = "send-test-mail"
SUCCEEDED = AttemptResult(outcome="succeeded", state="succeeded", reason="the handler returned", failures=0)


def lease(con: Connection) -> claims.Lease:
    now = con.now()
    return claims.Lease(worker="worker", request_id="request", since=now, until=now + timedelta(minutes=3))


def claim(con: Connection, run_id: str, job: str = JOB) -> claims.ClaimedAttempt | None:
    return claims.claim(con, job, run_id, attempt=1, lease=lease(con))


def transitions(work: Work, run_id: str) -> list[list[str]]:
    return [event[:2] for event in work.events(run_id)]


def test_two_workers_start_an_attempt_once(con: Connection, other: Connection) -> None:
    run_id = enqueue(con, JOB).run_id
    assert while_waited_for(con, lambda: claim(con, run_id), lambda: claim(other, run_id)) is None
    assert con.query("SELECT attempt FROM job_run") == [[1]]


def test_of_an_exclusive_job_two_workers_start_one_run(con: Connection, other: Connection) -> None:
    first, second = (enqueue(con, "record-expiry").run_id for _ in range(2))
    with pytest.raises(claims.Busy):
        while_waited_for(
            con, lambda: claim(con, first, "record-expiry"), lambda: claim(other, second, "record-expiry")
        )


def test_deleting_a_run_that_is_being_claimed_closes_its_attempt(
    con: Connection, other: Connection, work: Work
) -> None:
    run_id = enqueue(con, JOB).run_id
    while_waited_for(
        con,
        lambda: claim(con, run_id),
        lambda: actions.change(other, "delete", ids=[run_id], actor="ann"),
    )
    assert work.run().state == "deleted" and work.attempts(run_id) == [[1, "cancelled", None]]
    assert transitions(work, run_id)[1:] == [["enqueued", "processing"], ["processing", "deleted"]]


def test_a_run_that_is_just_finished_is_not_deleted(con: Connection, other: Connection, work: Work) -> None:
    held = claim(con, enqueue(con, JOB).run_id)
    assert held is not None
    done = while_waited_for(
        con,
        lambda: finish.finish(con, [EndedAttempt(leased=held, result=SUCCEEDED, at=con.now())]),
        lambda: actions.change(other, "delete", ids=[held.run_id], actor="ann"),
    )
    assert done.ids == [] and work.run().state == "succeeded"


def test_a_run_that_is_just_being_claimed_waits_no_more(
    con: Connection, other: Connection, work: Work
) -> None:
    run_id = enqueue(con, JOB).run_id
    assert not while_waited_for(
        con,
        lambda: claim(con, run_id),
        lambda: promotion.let_wait(other, JOB, run_id, 1),
    )
    assert work.run().state == "processing"


def test_an_occurrence_that_comes_twice_at_once_has_one_run(con: Connection, other: Connection) -> None:
    occurrence = datetime.fromisoformat(OCCURRENCE)

    def start(con: Connection) -> claims.ClaimedAttempt | None:
        return create.start(
            con,
            JOBS["record-expiry"],
            lease(con),
            trigger="schedule",
            actor="schedule",
            occurrence=occurrence,
        )

    assert while_waited_for(con, lambda: start(con), lambda: start(other)) is None


def test_a_key_that_comes_twice_at_once_makes_one_run(con: Connection, other: Connection) -> None:
    def make(con: Connection) -> Any:
        return enqueue(con, JOB, idempotency_key="monday", request_digest="the same")

    again = while_waited_for(con, lambda: make(con), lambda: make(other))
    assert not again.created and con.query("SELECT id::text FROM job_run") == [[again.run_id]]


def test_two_dispatchers_report_more_dead_letters_once(
    con: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    con.query("INSERT INTO job (name) VALUES (:job)", job=JOB)
    monkeypatch.setattr(queue_depths, "depths", lambda: queue_depths.Depths({JOB: {"dead": 2}}))
    while_waited_for(
        con,
        lambda: dead_letters.report(con, con.now()),
        lambda: dead_letters.report(other, other.now()),
    )
    assert con.query("SELECT count(*) FROM notification") == [[1]]


# What somebody is at is not waited for, but left to them


@contextmanager
def holding(con: Connection, other: Connection, run_id: str) -> Iterator[None]:
    """Within it `other` is at the run, and `con` has little patience."""
    with other.transaction():
        other.query("SELECT FROM job_run WHERE id = CAST(:id AS uuid) FOR UPDATE", id=run_id)
        con.query("SET statement_timeout = '30s'")
        yield


@pytest.fixture
def held(con: Connection, other: Connection) -> Iterator[list[str]]:
    """Two runs that wait for the place of an exclusive job; somebody is at the first."""
    ids = [enqueue(con, "record-expiry").run_id for _ in range(2)]
    con.query("UPDATE job_run SET message_at = message_at + interval '1 minute'")
    with holding(con, other, ids[0]):
        yield ids


@pytest.mark.parametrize("resend_all", [False, True])
def test_the_dispatcher_sends_the_others(
    con: Connection, held: list[str], queues: Queues, resend_all: bool
) -> None:
    queues.take()
    assert redelivery.send_due(con, con.now() + timedelta(minutes=20), resend_all=resend_all) == 1
    assert queues.take() == [{"run_id": held[1], "attempt": 1}]


def test_a_place_is_handed_to_the_next(con: Connection, held: list[str]) -> None:
    assert [each.run_id for each in promotion.promote(con, ["record-expiry"], con.now())] == [held[1]]


def test_who_finishes_hands_the_place_to_the_next(work: Work, held: list[str], queues: Queues) -> None:
    queues.take()
    work.start_occurrence()
    assert queues.take() == [{"run_id": held[1], "attempt": 1}]


def test_history_that_somebody_is_at_is_purged_next_time(
    con: Connection, other: Connection, environment: Settings
) -> None:
    ids = [enqueue(con, "record-expiry").run_id for _ in range(2)]
    actions.change(con, "delete", ids=ids, actor="ann")
    later = con.now() + timedelta(days=31)
    with holding(con, other, ids[0]):
        assert retention.purge_runs(con, later, settings=environment) == 1
    assert retention.purge_runs(con, later, settings=environment) == 1
