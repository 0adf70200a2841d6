"""What remains after a crash of PostgreSQL that loses everything except what a commit has flushed to the disk."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle import finish
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt, Lease, claim
from slowmatch.jobs.lifecycle.create import start
from slowmatch.jobs.lifecycle.finish import EndedAttempt
from slowmatch.jobs.lifecycle.reports import Reports, checkpoint
from slowmatch.jobs.model import AttemptResult
from slowmatch.jobs.queries import runs
from tests.chaos.database import Database

JOB = "send-test-mail"
SUCCEEDED = AttemptResult(outcome="succeeded", state="succeeded", reason="the handler returned", failures=0)


@pytest.fixture
def con(durable: Connection) -> Connection:
    return durable


def lease(con: Connection) -> Lease:
    now = con.now()
    return Lease(worker="worker", request_id="request", since=now, until=now + timedelta(minutes=3))


def claim_new(con: Connection, job: str) -> ClaimedAttempt | None:
    return claim(con, job, enqueue(con, job).run_id, attempt=1, lease=lease(con))


def finish_succeeded(con: Connection, claimed: ClaimedAttempt) -> bool:
    return bool(finish.finish(con, [EndedAttempt(leased=claimed, result=SUCCEEDED, at=con.now())]).run_ids)


def state(con: Connection, run_id: str) -> str:
    return str(runs.get(con, run_id).state)


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(lambda con: claim_new(con, "record-expiry"), id="a claim of an exclusive job"),
        pytest.param(lambda con: claim_new(con, JOB), id="a claim"),
        pytest.param(
            lambda con: start(con, JOBS[JOB], lease(con), trigger="direct", actor="ann"),
            id="a run that starts at once",
        ),
    ],
)
def test_a_claim_survives(
    server: Database, con: Connection, begin: Callable[[Connection], ClaimedAttempt | None]
) -> None:
    claimed = server.crash_without_its_last_moments(lambda: begin(con))
    assert claimed and state(con, claimed.run_id) == "processing" and finish_succeeded(con, claimed)


def test_a_checkpoint_survives(server: Database, con: Connection) -> None:
    claimed = claim_new(con, JOB)
    reports = Reports(progress={"done": 1})
    assert claimed and server.crash_without_its_last_moments(lambda: checkpoint(con, claimed, reports))
    assert con.query("SELECT progress FROM job_run") == [[{"done": 1}]]


def test_a_finish_survives(server: Database, con: Connection) -> None:
    claimed = claim_new(con, JOB)
    assert claimed and server.crash_without_its_last_moments(lambda: finish_succeeded(con, claimed))
    assert state(con, claimed.run_id) == "succeeded"


def test_an_enqueued_run_survives(server: Database, con: Connection) -> None:
    made = server.crash_without_its_last_moments(lambda: enqueue(con, JOB))
    assert state(con, made.run_id) == "enqueued"
