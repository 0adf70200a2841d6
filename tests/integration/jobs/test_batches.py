"""Several messages in one invocation: runs are claimed and finished together, and none affects another."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Context, Continue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import rescuer
from slowmatch.jobs.lifecycle.claim import CLAIM_BATCH, Lease, claim_batch
from slowmatch.jobs.lifecycle.finish import (
    FINISH_BATCH,
    FINISH_BATCH_SUCCEEDED,
)
from slowmatch.jobs.queries import runs
from slowmatch.jobs.worker import result_writer
from tests.integration.jobs.batches import JOB, delete, in_order, put, states, succeed, use_up_the_time
from tests.integration.jobs.conftest import OCCURRENCE, Killed, Queues, Work, while_waited_for
from tests.support.handlers import fail, refuse
from tests.support.runs import put_runs


def die(context: Any) -> None:
    raise Killed


def rescue_all(work: Work) -> None:
    """Let the leases end and the dispatcher pass."""
    for run in work.runs():
        if run.state == "processing":
            work.end_lease(run.id)
    rescuer.rescue(work.con, work.con.now())


def delete_and_stop(context: Any) -> None:
    delete(context)
    context.checkpoint()


def test_a_batch_takes_two_statements(batch: Work, con: Connection, statements: list[str]) -> None:
    messages = put(con)
    statements.clear()
    assert batch.deliver(*messages) == []
    assert statements == [CLAIM_BATCH, FINISH_BATCH_SUCCEEDED]
    assert states(batch) == ["succeeded"] * 3


@pytest.mark.parametrize("limit", ["MAX_UNWRITTEN_RESULTS", "MAX_UNWRITTEN_SECONDS"])
def test_results_wait_for_no_more_than_the_next_handler(
    batch: Work, con: Connection, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(result_writer, limit, {"MAX_UNWRITTEN_RESULTS": 1, "MAX_UNWRITTEN_SECONDS": 0}[limit])
    found: list[list[str]] = []
    batch.handler = lambda context: found.append(states(batch))
    batch.deliver(*put(con))
    assert found == [
        ["processing", "processing", "processing"],
        ["succeeded", "processing", "processing"],
        ["succeeded", "succeeded", "processing"],
    ]


def test_results_of_all_kinds_are_written_in_one_statement(
    batch: Work, con: Connection, statements: list[str]
) -> None:
    messages = put(con, 4)
    statements.clear()
    batch.handler = in_order(succeed, fail, lambda _: Continue({"part": 1}), refuse)
    assert batch.deliver(*messages) == []
    assert statements.count(FINISH_BATCH) == 1
    assert states(batch) == ["succeeded", "scheduled", "enqueued", "failed"]
    assert [run.failures for run in batch.runs()] == [0, 1, 0, 1]


def test_what_cannot_be_stored_fails_its_run_alone(batch: Work, con: Connection) -> None:
    batch.handler = in_order(succeed, lambda _: Continue(["no object"]), succeed)  # type: ignore[arg-type]
    assert batch.deliver(*put(con)) == []
    assert states(batch) == ["succeeded", "scheduled", "succeeded"]


def test_a_run_deleted_before_its_result_is_written_stays_deleted(batch: Work, con: Connection) -> None:
    batch.handler = in_order(delete, succeed)
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == ["deleted", "succeeded"]
    assert batch.attempts(batch.runs()[0].id) == [[1, "cancelled", None]]


def test_what_has_not_begun_when_time_is_nearly_up_is_given_back(
    batch: Work, con: Connection, queues: Queues
) -> None:
    messages = put(con)
    queues.take_all(JOB)
    batch.handler = use_up_the_time(batch)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "enqueued", "enqueued"] and len(batch.seen) == 1
    second = batch.runs()[1]
    assert (second.attempt, second.failures) == (1, 0)
    assert "given back before it began" in batch.events(second.id)[-1][2]
    assert {"run_id": second.id, "attempt": 2} in queues.take_all(JOB)


def test_a_lost_batch_counts_no_failure_and_starts_again_alone(batch: Work, con: Connection) -> None:
    messages = put(con)
    batch.handler = die
    with pytest.raises(Killed):
        batch.deliver(*messages)
    assert states(batch) == ["processing"] * 3
    rescue_all(batch)
    assert states(batch) == ["enqueued"] * 3 and {run.failures for run in batch.runs()} == {0}
    again = [{**message, "attempt": 2} for message in messages]
    with pytest.raises(Killed):
        batch.deliver(*again)
    assert states(batch) == ["processing", "enqueued", "enqueued"], "the first was claimed alone"
    rescue_all(batch)
    assert [run.failures for run in batch.runs()] == [1, 0, 0]


def test_a_run_that_failed_alone_joins_batches_again(batch: Work, con: Connection) -> None:
    messages = put(con, 2)
    batch.handler = die
    with pytest.raises(Killed):
        batch.deliver(*messages)
    rescue_all(batch)
    batch.handler = fail
    batch.deliver(*({**message, "attempt": 2} for message in messages))
    assert con.query("SELECT in_batch FROM job_run") == [[False]] * 2
    con.query("UPDATE job_run SET due_at = created_at")
    batch.deliver(*({**message, "attempt": 3} for message in messages))
    assert con.query("SELECT in_batch FROM job_run") == [[True]] * 2


def test_a_locked_run_does_not_hold_up_its_batch(batch: Work, con: Connection, other: Connection) -> None:
    """It is claimed alone, once the lock is gone, after the others have succeeded."""
    first, second = put(con, 2)
    found: list[str] = []

    def lock() -> None:
        other.query("SELECT FROM job_run WHERE id = CAST(:id AS uuid) FOR UPDATE", id=first["run_id"])

    def deliver() -> list[str]:
        return batch.deliver(first, second)

    batch.handler = lambda context: found.append(context.run_id)
    assert while_waited_for(other, lock, deliver) == []
    assert found == [second["run_id"], first["run_id"]] and states(batch) == ["succeeded"] * 2


def test_a_transaction_that_a_handler_leaves_open_is_rolled_back(batch: Work, con: Connection) -> None:
    def leave_open(context: Context) -> None:
        con.script("BEGIN")
        con.execute("INSERT INTO record (title, expiry_date) VALUES ('half done', now())")

    batch.handler = in_order(leave_open, succeed)
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == ["scheduled", "succeeded"]
    assert (batch.runs()[0].error or "").startswith("TransactionLeftOpen")
    assert con.query("SELECT count(*) FROM record") == [[0]]


@pytest.mark.parametrize(("job", "stands"), [("send-test-mail", False), ("record-expiry", True)])
def test_only_a_run_of_an_exclusive_job_stands_before_the_next(
    con: Connection, work: Work, job: str, stands: bool
) -> None:
    work.spec = JOBS[job]
    (message,) = put(con, 1, job)
    found: list[str | None] = []
    work.handler = lambda context: found.append(runs.blocking_run(con, job))
    work.deliver(message)
    assert found == [message["run_id"] if stands else None] and runs.blocking_run(con, job) is None


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        pytest.param(fail, "scheduled", id="raises"),
        pytest.param(lambda _: Continue({"part": 1}), "enqueued", id="continues"),
        pytest.param(lambda _: Continue(["no object"]), "scheduled", id="PostgreSQL refuses the cursor"),  # type: ignore[arg-type]
        pytest.param(lambda _: float("nan"), "scheduled", id="returns what JSON cannot hold"),
        pytest.param(lambda _: "\ud800", "succeeded", id="returns half a character"),
        pytest.param(delete, "deleted", id="was deleted"),
        pytest.param(delete_and_stop, "deleted", id="was deleted and stopped"),
    ],
)
def test_the_next_run_is_done_however_the_one_before_ended(
    batch: Work, con: Connection, ending: Callable[[Any], Any], state: str
) -> None:
    batch.handler = in_order(ending, succeed)
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == [state, "succeeded"] and batch.runs()[0].attempt == 1


def test_a_repeated_message_in_a_batch_starts_nothing(batch: Work, con: Connection) -> None:
    first, second = put(con, 2)
    assert batch.deliver(first, first, second, second, first) == []
    assert states(batch) == ["succeeded", "succeeded"] and len(batch.seen) == 2


def test_the_next_attempt_of_the_same_run_waits_for_its_time(batch: Work, con: Connection) -> None:
    (first,) = put(con, 1)
    batch.handler = fail
    assert batch.deliver(first, {**first, "attempt": 2}) == []
    assert states(batch) == ["scheduled"] and len(batch.seen) == 1


def test_a_run_may_continue_in_the_same_batch(batch: Work, con: Connection) -> None:
    (first,) = put(con, 1)
    batch.handler = in_order(lambda _: Continue({"part": 1}), lambda context: context.cursor)
    assert batch.deliver(first, {**first, "attempt": 2}) == []
    assert batch.run().result == {"part": 1}


def test_rubbish_goes_to_the_dead_letters_alone(batch: Work, con: Connection) -> None:
    first, second = put(con, 2)
    rubbish: list[Any] = [{"job": [], "occurrence": OCCURRENCE}, "no JSON", {**first, "attempt": "one"}]
    assert batch.deliver(rubbish[0], first, rubbish[1], second, rubbish[2]) == ["0", "2", "4"]
    assert states(batch) == ["succeeded"] * 2


def test_of_overlapping_batches_each_run_starts_once(batch: Work, con: Connection, other: Connection) -> None:
    """The second worker neither waits for the first nor starts its runs."""
    first, second, third = (each["run_id"] for each in put(con))
    now = con.now()
    lease = Lease(worker="worker", request_id="request", since=now, until=now + timedelta(minutes=3))
    with con.transaction():
        mine = claim_batch(con, JOB, {first: 1, second: 1}, lease=lease)
        theirs = claim_batch(other, JOB, {second: 1, third: 1}, lease=lease)
    assert sorted(each.run_id for each in mine) == sorted([first, second])
    assert [each.run_id for each in theirs] == [third]
    assert con.query("SELECT count(*) FROM job_attempt") == [[3]]


def test_what_is_not_there_to_be_started_is_acknowledged(batch: Work, con: Connection) -> None:
    first, second = put(con, 2)
    (early,) = put(con, 1, due_at=con.now() + timedelta(hours=1))
    (other,) = put(con, 1, job="db-cleanup")
    stale = {**second, "attempt": 7}
    unknown = {"run_id": "0190a7e0-0000-7000-8000-000000000000", "attempt": 1}
    assert batch.deliver(first, early, stale, other, unknown, second) == []
    assert states(batch) == ["succeeded", "succeeded", "scheduled", "enqueued"]


def test_in_an_exclusive_batch_the_place_is_handed_on(work: Work, con: Connection, queues: Queues) -> None:
    first, second, third = put(con, 3, job="record-expiry")
    queues.take()
    con.query(
        "UPDATE job_run SET message_at = message_at + interval '1 minute' WHERE id = CAST(:id AS uuid)",
        id=third["run_id"],
    )
    assert work.deliver(first, second) == []
    assert states(work) == ["succeeded", "succeeded", "enqueued"] and queues.take() == [third]


def test_runs_are_looked_up_by_id_whatever_the_statistics(
    batch: Work, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_runs(con, JOB, 5000, state="succeeded")
    con.script("ANALYZE job_run")
    messages = put(con, 3)
    plans: list[str] = []
    query = Connection.query

    def explain(self: Connection, sql: str, **params: Any) -> list[list[Any]]:
        plans.append("\n".join(row[0] for row in query(self, "EXPLAIN " + sql, **params)))
        return query(self, sql, **params)

    monkeypatch.setattr(Connection, "query", explain)
    batch.handler = in_order(lambda context: context.checkpoint(), fail, succeed)
    batch.deliver(*messages)
    assert len(plans) == 3
    for plan in plans:
        used = re.findall(r"(\S+) on (?:job_run\b|job_run_)", plan.partition("CTE promoted")[0])
        assert set(used) - {"Update"} == {"job_run_pkey"}, plan
