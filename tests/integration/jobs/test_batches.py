"""Several messages in one invocation: runs are claimed and finished together, and none affects another."""

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection, StatementError, Unavailable
from slowmatch.jobs import Context, Continue, Permanent, enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import rescuer
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.lifecycle.claim import CLAIM_BATCH, Lease, claim_batch
from slowmatch.jobs.lifecycle.finish import (
    FINISH,
    FINISH_BATCH,
    FINISH_BATCH_SUCCEEDED,
    FINISH_SUCCEEDED,
)
from slowmatch.jobs.model import Run
from slowmatch.jobs.queries import runs
from slowmatch.jobs.worker import result_writer
from tests.integration.jobs.conftest import OCCURRENCE, Killed, Queues, Work, while_waited_for
from tests.support.handlers import fail
from tests.support.runs import put_runs

JOB = "send-test-mail"


@pytest.fixture
def batch(work: Work, monkeypatch: pytest.MonkeyPatch) -> Work:
    """The function of a job whose runs need not wait for each other."""
    work.spec = dataclasses.replace(JOBS[JOB], max_attempts=3)
    monkeypatch.setitem(JOBS, JOB, work.spec)
    monkeypatch.setattr(result_writer, "MAX_UNWRITTEN_SECONDS", 60)  # a slow machine writes no results early
    return work


def put(con: Connection, count: int = 3, job: str = JOB, **how: Any) -> list[dict[str, Any]]:
    """Runs that wait, and the messages of their first attempts."""
    return [{"run_id": enqueue(con, job, **how).run_id, "attempt": 1} for _ in range(count)]


def made(work: Work) -> list[Run]:
    """The runs in the order of their creation; identifiers of one millisecond have none."""
    ids = work.con.query("SELECT id::text FROM job_run ORDER BY created_at")
    return [runs.get(work.con, run_id) for (run_id,) in ids]


def states(work: Work) -> list[str]:
    return [run.state for run in made(work)]


def in_order(*steps: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A handler that does something else each time."""
    left: Iterator[Callable[[Any], Any]] = iter(steps)
    return lambda context: next(left)(context)


def succeed(context: Any) -> dict[str, Any]:
    return {"run": context.run_id}


def delete(context: Any) -> None:
    actions.change(context.con, "delete", ids=[context.run_id], actor="ann")


def refuse(context: Any) -> None:
    raise Permanent("the recipient is unknown")


def die(context: Any) -> None:
    raise Killed


def rescue_all(work: Work) -> None:
    """Let the leases end and the dispatcher pass."""
    for run in work.runs():
        if run.state == "processing":
            work.end_lease(run.id)
    rescuer.rescue(work.con, work.con.now())


def lines(con: Connection) -> list[str]:
    """What the logs of all runs say."""
    return [message for (message,) in con.query("SELECT message FROM job_log ORDER BY id")]


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each result is written before the next handler begins."""
    monkeypatch.setattr(result_writer, "MAX_UNWRITTEN_RESULTS", 1)


@pytest.fixture
def refuse_query(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes statements raise an error, `times` times, before or after PostgreSQL has carried them out."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def refuse(error: Exception, *refused: str, times: int = 1000, committed: bool = False) -> list[str]:
        query = Connection.query
        left = iter(range(times))
        asked: list[str] = []

        def answer(self: Connection, sql: str, **params: Any) -> list[list[Any]]:
            asked.append(sql)
            if (sql in refused or not refused) and next(left, None) is not None:
                if committed:
                    query(self, sql, **params)
                if isinstance(error, Unavailable):
                    self.close()
                raise error
            return query(self, sql, **params)

        monkeypatch.setattr(Connection, "query", answer)
        return asked

    return refuse


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
    assert [run.failures for run in made(batch)] == [0, 1, 0, 1]


def test_what_cannot_be_stored_fails_its_run_alone(batch: Work, con: Connection) -> None:
    batch.handler = in_order(succeed, lambda _: Continue(["no object"]), succeed)  # type: ignore[arg-type]
    assert batch.deliver(*put(con)) == []
    assert states(batch) == ["succeeded", "scheduled", "succeeded"]


def test_a_run_deleted_before_its_result_is_written_stays_deleted(batch: Work, con: Connection) -> None:
    batch.handler = in_order(delete, succeed)
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == ["deleted", "succeeded"]
    assert batch.attempts(made(batch)[0].id) == [[1, "cancelled", None]]


def test_what_has_not_begun_when_time_is_nearly_up_is_given_back(
    batch: Work, con: Connection, queues: Queues
) -> None:
    messages = put(con)
    queues.take_all(JOB)
    batch.handler = use_up_the_time(batch)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "enqueued", "enqueued"] and len(batch.seen) == 1
    second = made(batch)[1]
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
    assert states(batch) == ["enqueued"] * 3 and {run.failures for run in made(batch)} == {0}
    again = [{**message, "attempt": 2} for message in messages]
    with pytest.raises(Killed):
        batch.deliver(*again)
    assert states(batch) == ["processing", "enqueued", "enqueued"], "the first was claimed alone"
    rescue_all(batch)
    assert [run.failures for run in made(batch)] == [1, 0, 0]


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
    assert (made(batch)[0].error or "").startswith("TransactionLeftOpen")
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
    assert states(batch) == [state, "succeeded"] and made(batch)[0].attempt == 1


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


LOST = Unavailable("the connection to the database was lost")
FINISHES = (FINISH, FINISH_SUCCEEDED, FINISH_BATCH, FINISH_BATCH_SUCCEEDED)


@pytest.mark.parametrize("committed", [False, True])
def test_a_connection_lost_in_a_finish_costs_nothing(
    batch: Work, con: Connection, queues: Queues, refuse_query: Callable[..., Any], committed: bool
) -> None:
    """Even if the results were written: that is recognized, and what follows from them is sent."""
    messages = put(con)
    queues.take_all(JOB)
    refuse_query(LOST, FINISH_BATCH, times=1, committed=committed)
    batch.handler = in_order(succeed, lambda _: Continue({"part": 1}), succeed)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "enqueued", "succeeded"] and lines(con) == []
    assert queues.take_all(JOB) == [{**messages[1], "attempt": 2}]


def test_a_finish_whose_answer_was_lost_still_hands_the_place_on(
    work: Work, con: Connection, queues: Queues, refuse_query: Callable[..., Any]
) -> None:
    first, second = put(con, 2, job="record-expiry")
    queues.take()
    con.query(
        "UPDATE job_run SET message_at = message_at + interval '1 minute' WHERE id = CAST(:id AS uuid)",
        id=second["run_id"],
    )
    refuse_query(LOST, FINISH_SUCCEEDED, times=1, committed=True)
    assert work.deliver(first) == [] and queues.take() == [second]


def test_a_connection_lost_at_the_end_of_a_handler_costs_nothing(
    batch: Work, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Connection.now
    asked = iter(range(10))

    def lose(self: Connection) -> Any:
        if next(asked) == 1:  # the first time is that of the claim
            raise LOST
        return now(self)

    (message,) = put(con, 1)
    monkeypatch.setattr(Connection, "now", lose)
    assert batch.deliver(message) == [] and states(batch) == ["succeeded"]


def refusal(sqlstate: str) -> StatementError:
    return StatementError({"C": sqlstate, "M": "not now"})


def test_results_are_written_again_after_a_deadlock(
    batch: Work, con: Connection, refuse_query: Callable[..., Any]
) -> None:
    refuse_query(refusal("40P01"), FINISH_BATCH_SUCCEEDED, times=1)
    assert batch.deliver(*put(con, 2)) == [] and states(batch) == ["succeeded"] * 2


@pytest.mark.parametrize("sqlstate", ["40P01", "53100", "XX000"])
def test_what_passes_with_time_is_no_failure_of_a_run(
    batch: Work, con: Connection, refuse_query: Callable[..., Any], sqlstate: str
) -> None:
    """Such as a full disk: the runs are left to the dispatcher."""
    refuse_query(refusal(sqlstate), FINISH_BATCH_SUCCEEDED, FINISH_SUCCEEDED)
    assert batch.deliver(*put(con, 2)) == [] and states(batch) == ["processing"] * 2


def test_messages_of_claimed_runs_can_start_nothing_more(
    batch: Work, con: Connection, one_at_a_time: None, refuse_query: Callable[..., Any]
) -> None:
    messages = put(con, 4)
    batch.handler = in_order(succeed, succeed, lambda _: len(refuse_query(LOST, *FINISHES)))
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "succeeded", "processing", "processing"]


def test_what_has_not_begun_is_given_back_when_results_cannot_be_written(
    batch: Work, con: Connection, one_at_a_time: None, refuse_query: Callable[..., Any]
) -> None:
    messages = put(con, 4)
    refuse_query(LOST, FINISH_BATCH_SUCCEEDED, times=2)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "enqueued", "enqueued", "enqueued"] and len(batch.seen) == 1
    assert "results before it could not be written" in batch.events(made(batch)[1].id)[-1][2]


def test_a_database_that_is_away_is_asked_once_for_all_messages(
    batch: Work, con: Connection, refuse_query: Callable[..., Any]
) -> None:
    messages = put(con, 3)
    asked = refuse_query(LOST)
    assert batch.deliver("no JSON", *messages) == ["0", "1", "2", "3"]
    assert asked == [CLAIM_BATCH]


@pytest.mark.parametrize("broken", ["messages.send", "publishing.publish", "reports.note_handler_end"])
def test_what_follows_from_results_does_not_hold_up_others(
    batch: Work, con: Connection, one_at_a_time: None, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def refuse_all(*_: Any, **__: Any) -> int:
        raise OSError("there is no network")

    batch.handler = in_order(lambda _: Continue({"part": 1}), refuse, delete, succeed)
    messages = put(con, 4)
    monkeypatch.setattr(f"slowmatch.jobs.worker.result_writer.{broken}", refuse_all)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["enqueued", "failed", "deleted", "succeeded"]


def test_a_handler_that_exits_fails_its_run_alone(batch: Work, con: Connection) -> None:
    batch.handler = in_order(succeed, lambda _: sys.exit("no such option"), succeed)
    assert batch.deliver(*put(con)) == []
    assert states(batch) == ["succeeded", "scheduled", "succeeded"]
    assert made(batch)[1].error == "SystemExit: no such option"


@pytest.mark.parametrize("until", ["the others are written", "its statement is cancelled"])
def test_a_lock_on_one_run_holds_up_no_result_of_another(
    batch: Work, con: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    """A run that stays locked is left to the dispatcher."""
    found: list[list[str]] = []
    query = Connection.query

    def lock(context: Context) -> None:
        other.script("BEGIN")
        other.query("SELECT FROM job_run WHERE id = CAST(:id AS uuid) FOR UPDATE", id=context.run_id)

    def unlock(self: Connection, sql: str, **params: Any) -> list[list[Any]]:
        if sql == FINISH_SUCCEEDED:
            found.append(states(batch))
            if until == "the others are written":
                other.script("ROLLBACK")
        return query(self, sql, **params)

    messages = put(con)
    con.script("SET statement_timeout = '100ms'")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(Connection, "query", unlock)
    batch.handler = in_order(lock, succeed, succeed)
    assert batch.deliver(*messages) == []
    assert found[0] == ["processing", "succeeded", "succeeded"]
    assert states(batch)[0] == ("succeeded" if until == "the others are written" else "processing")


def test_a_run_that_stays_locked_holds_up_no_other_message(
    batch: Work, con: Connection, other: Connection
) -> None:
    first, second = put(con, 2)
    con.query("UPDATE job_run SET claim_alone = true")
    other.script("BEGIN")
    other.query("SELECT FROM job_run WHERE id = CAST(:id AS uuid) FOR UPDATE", id=first["run_id"])
    con.script("SET statement_timeout = '100ms'")
    assert batch.deliver(first, second) == ["0"] and states(batch) == ["enqueued", "succeeded"]


def use_up_the_time(work: Work) -> Callable[[Any], None]:
    def use_up(context: Any) -> None:
        work.lambda_context.remaining = 100

    return use_up


def test_exclusive_runs_without_time_stay_in_the_queue(work: Work, con: Connection) -> None:
    work.handler = use_up_the_time(work)
    assert work.deliver(*put(con, job="record-expiry")) == ["1", "2"]
    assert states(work) == ["succeeded", "enqueued", "enqueued"]


def test_runs_that_are_claimed_alone_without_time_stay_in_the_queue(batch: Work, con: Connection) -> None:
    messages = put(con)
    con.query("UPDATE job_run SET claim_alone = true")
    batch.handler = use_up_the_time(batch)
    assert batch.deliver(*messages) == ["1", "2"]
    assert states(batch) == ["succeeded", "enqueued", "enqueued"]


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
