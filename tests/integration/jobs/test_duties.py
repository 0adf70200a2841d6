"""No duty of the dispatcher holds up another one, and what fails is told."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import boto3
import pytest

from dispatcher import duties
from dispatcher.app import handler as dispatcher
from slowmatch.db import Connection, Unavailable
from slowmatch.deadline import Deadline
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import heartbeat, rescuer, schedules
from slowmatch.jobs.dispatcher.isolation import PartlyFailed, for_each
from slowmatch.jobs.lifecycle import messages
from slowmatch.records import queries as records
from slowmatch.settings import settings
from tests.conftest import STACK, LambdaContext
from tests.integration.jobs.conftest import Queues, Work
from tests.sam import template
from tests.support.runs import put_runs
from tests.support.schedules import HOURLY, put_schedule

RULES = ("db-cleanup", "record-expiry")
LOCKED = "another session has locked a row that it needs"


@pytest.fixture
def work_for_all(
    con: Connection, work: Work, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Something to do for every duty: two lost attempts, a run without a message, a missed occurrence, and old rows."""
    monkeypatch.setattr(duties, "LOCK_SECONDS", 0.05)
    schedules.events.cache_clear()
    queues.make_dead_letters()
    boto3.client("sqs").send_message(
        QueueUrl=messages.queue_url("db-cleanup-dead"), MessageBody="a dead letter"
    )
    for job in RULES:
        boto3.client("events").put_rule(Name=f"{STACK}-{job}", ScheduleExpression=HOURLY)
        put_schedule(con, job, HOURLY, checked_to=con.now() - timedelta(hours=2))
    work.be_killed()
    work.spec = JOBS["db-cleanup"]
    work.be_killed()
    con.query("UPDATE job_run SET lease_until = now() - interval '1 minute'")
    enqueue(con, "send-test-mail")
    con.query("UPDATE job_run SET message_at = NULL WHERE job = 'send-test-mail'")
    records.create(con, "x", con.now(), "ann")
    put_runs(con, "daily-summary", state="deleted", age=timedelta(days=31))
    con.query("INSERT INTO job_hour (job, hour) VALUES ('daily-summary', now() - interval '401 days')")
    con.query("UPDATE record_event SET at = now() - interval '1 minute'")
    yield
    for job in RULES:
        boto3.client("events").delete_rule(Name=f"{STACK}-{job}")
    schedules.events.cache_clear()


@contextmanager
def idle_in_transaction(statement: str) -> Iterator[None]:
    """Another session that has locked rows, and does nothing more."""
    with closing(Connection(settings())) as other, other.transaction():
        assert other.query(f"{statement} FOR UPDATE")
        yield


def failing(con: Connection) -> dict[str, str]:
    ((kept,),) = con.query("SELECT failing FROM dispatcher_tick")
    return {name: each["problem"] for name, each in kept.items()}


def missed(con: Connection) -> list[str]:
    """The jobs that missed an occurrence."""
    return [job for (job,) in con.query("SELECT DISTINCT job FROM job_missed ORDER BY job")]


def is_all_done_but(con: Connection, done: dict[str, Any], *failed: str) -> bool:
    """Whether every duty that is not named as failed did its work, by what is in the database."""
    assert sorted(done["failed"]) == sorted(failed)
    counted = con.query(
        "SELECT (SELECT count(*) FROM roll_up WHERE subject = 'runs'), (SELECT sum(created) FROM record_hour)"
    )
    return (done["sent"], done["purged"], done["old rows"], counted) == (1, 1, 1, [[1, 1]])


@pytest.mark.usefixtures("work_for_all")
def test_every_duty_has_its_work_done(con: Connection, lambda_context: Any) -> None:
    done = dispatcher({}, lambda_context)
    assert is_all_done_but(con, done)
    assert (done["lost"], done["dead letters"], failing(con)) == (2, 1, {})
    assert missed(con) == list(RULES)


@pytest.mark.usefixtures("work_for_all")
def test_a_locked_run_holds_up_nothing(con: Connection, lambda_context: Any) -> None:
    with idle_in_transaction("SELECT FROM job_run WHERE job = 'record-expiry'"):
        done = dispatcher({}, lambda_context)
    assert is_all_done_but(con, done) and done["lost"] == 1
    assert con.query("SELECT state FROM job_run WHERE job = 'record-expiry'") == [["processing"]]
    assert dispatcher({}, lambda_context)["lost"] == 1


@pytest.mark.usefixtures("work_for_all")
def test_a_locked_job_row_fails_the_duties_for_that_job_alone(con: Connection, lambda_context: Any) -> None:
    with idle_in_transaction("SELECT FROM job WHERE name = 'db-cleanup'"):
        done = dispatcher({}, lambda_context)
    names = [
        f"{what} of db-cleanup" for what in ("read the schedule", "report missed runs", "report dead letters")
    ]
    assert is_all_done_but(con, done, *names) and done["lost"] == 2
    assert missed(con) == ["record-expiry"] and done["schedules"] == len(JOBS) - 1
    assert failing(con) == dict.fromkeys(names, LOCKED)


@pytest.mark.usefixtures("work_for_all")
def test_a_locked_note_fails_the_note_alone(
    con: Connection, lambda_context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeat.store_pass(con, con.now())
    with idle_in_transaction("SELECT FROM dispatcher_tick"):
        done = dispatcher({}, lambda_context)
    assert is_all_done_but(con, done, "store its results") and done["lost"] == 2
    assert f"the dispatcher could not store its results: {LOCKED}" in caplog.messages


def test_what_keeps_failing_keeps_its_since(con: Connection) -> None:
    began, later = con.now(), con.now() + timedelta(minutes=5)
    heartbeat.store_pass(con, began, {}, {"send due runs": "no"})
    heartbeat.store_pass(con, later, {}, {"send due runs": "still no", "purge old runs": "no"})
    ((kept,),) = con.query("SELECT failing FROM dispatcher_tick")
    assert kept == {
        "send due runs": {"since": began.isoformat(), "problem": "still no"},
        "purge old runs": {"since": later.isoformat(), "problem": "no"},
    }
    heartbeat.store_pass(con, later, {}, {})
    assert failing(con) == {}


@pytest.mark.usefixtures("work_for_all")
@pytest.mark.parametrize("duty", duties.DUTIES, ids=lambda duty: duty.name)
def test_any_error_fails_its_duty_alone(
    con: Connection,
    lambda_context: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    duty: duties.Duty,
) -> None:
    def fail(turn: duties.Turn) -> int:
        with turn.con.transaction():
            turn.con.query("SELECT 1")
            raise ZeroDivisionError("division by zero")

    broken = tuple(
        duties.Duty(each.name, each.figure, fail, each.weight) if each == duty else each
        for each in duties.DUTIES
    )
    monkeypatch.setattr(duties, "DUTIES", broken)
    done = dispatcher({}, lambda_context)
    assert done["failed"] == failing(con) == {duty.name: "division by zero"}
    assert '"DispatcherFailures":1' in capsys.readouterr().out


@pytest.mark.usefixtures("work_for_all")
def test_a_connection_that_breaks_fails_one_duty(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up(con: Connection, *_: Any) -> int:
        con.query("SELECT pg_terminate_backend(pg_backend_pid())")
        return 0

    monkeypatch.setattr(rescuer, "rescue", hang_up)
    assert is_all_done_but(con, dispatcher({}, lambda_context), "rescue lost runs")


def test_without_a_database_the_invocation_fails(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_away(con: Connection, *_: Any) -> int:
        con.close()
        monkeypatch.setattr(con, "_config", broken)
        return 0

    monkeypatch.setenv("DB_PORT", "1")
    settings.cache_clear()
    broken = settings()
    monkeypatch.setattr(rescuer, "rescue", go_away)
    with pytest.raises(Unavailable):
        dispatcher({}, lambda_context)


@pytest.mark.usefixtures("work_for_all")
def test_a_statement_that_takes_long_leaves_time_for_the_others(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = duties.Duty(
        "rescue lost runs", "lost", lambda turn: turn.con.execute("SELECT pg_sleep(600)"), 0.01
    )
    monkeypatch.setattr(duties, "MIN_SECONDS", 0)
    monkeypatch.setattr(duties, "DUTIES", (slow, *duties.DUTIES[1:]))
    done = dispatcher({}, lambda_context)
    assert is_all_done_but(con, done, "rescue lost runs")
    assert done["failed"]["rescue lost runs"] == "the database took longer than the time allotted to it"


@pytest.mark.usefixtures("work_for_all")
def test_duties_for_which_no_time_is_left_say_so(con: Connection) -> None:
    done = dispatcher({}, LambdaContext(remaining=10_000))
    assert (
        done["failed"]
        == failing(con)
        == {duty.name: "earlier duties left no time for it" for duty in duties.DUTIES}
    )


def test_the_limits_of_a_pass_end_with_it(con: Connection, queues: Queues, lambda_context: Any) -> None:
    dispatcher({}, lambda_context)
    names = ("lock_timeout", "statement_timeout")
    assert [con.query(f"SHOW {name}") for name in names] == [[["0"]], [["1min"]]]


def test_each_duty_has_time_enough_before_its_function_ends() -> None:
    timeout = template.functions()["DispatcherFunction"]["Timeout"]
    weights = sum(duty.weight for duty in duties.DUTIES)
    assert (timeout - duties.RESERVED_SECONDS) / weights > 2 * duties.LOCK_SECONDS


def test_one_job_s_fault_and_no_time_are_told_by_job() -> None:
    def do(job: str) -> int:
        if job == "b":
            raise ValueError("b is broken")
        return 1

    with pytest.raises(PartlyFailed, match=r"^b: b is broken$") as caught:
        for_each("abc", str, do)
    assert caught.value.done == 2
    with pytest.raises(PartlyFailed, match=r"^a: no time was left for it; b: no time"):
        for_each("ab", str, do, Deadline(0))
