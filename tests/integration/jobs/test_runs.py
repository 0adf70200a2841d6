"""The life of a run, from its message to its final state."""

import os
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.jobs import Cancelled, Continue, enqueue
from slowmatch.jobs.dispatcher import redelivery, rescuer
from slowmatch.jobs.lifecycle import actions, pause
from slowmatch.jobs.model import Run
from slowmatch.jobs.retry import MAX_TRACEBACK_CHARACTERS
from tests.integration.jobs.conftest import OCCURRENCE, Queues, Work
from tests.support.handlers import fail


def message(run: Run, attempt: int) -> dict[str, Any]:
    return {"run_id": run.id, "attempt": attempt}


def test_an_occurrence_makes_a_run_and_finishes_it(work: Work, con: Connection) -> None:
    assert work.start_occurrence() == []
    run = work.run()
    assert run.state == "succeeded" and run.result == {"done": 1} and run.trigger == "schedule"
    assert work.events(run.id) == [
        [None, "processing", "started by schedule", "schedule"],
        ["processing", "succeeded", "the handler returned", "worker"],
    ]
    assert work.attempts(run.id) == [[1, "succeeded", None]]
    assert run.due_at == run.created_at
    assert con.query("SELECT request_id FROM job_attempt") == [[work.lambda_context.aws_request_id]]


def test_an_occurrence_is_answered_once(work: Work) -> None:
    assert (
        work.start_occurrence()
        == work.start_occurrence()
        == work.start_occurrence("2026-11-24T02:00:31+00:00")
        == []
    )
    assert len(work.seen) == len(work.runs()) == 1


def test_a_failed_attempt_is_scheduled_on_hangfires_curve(
    work: Work, queues: Queues, con: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    work.handler = fail
    before = con.now()
    assert work.start_occurrence() == []
    run = work.run()
    ((due,),) = con.query("SELECT due_at FROM job_run")
    assert run.state == "scheduled" and run.error == "RuntimeError: the disk is full"
    assert before + timedelta(seconds=15) <= due <= con.now() + timedelta(seconds=45)
    assert queues.delayed() == 1
    assert "retry 1 of 10 in" in work.events(run.id)[-1][2]
    assert '"RunRetried"' in capsys.readouterr().out
    ((error, told),) = con.query("SELECT error_message, traceback FROM job_attempt")
    assert error == "the disk is full" and told.endswith("RuntimeError: the disk is full\n")


def test_a_retry_due_much_later_is_left_to_the_dispatcher(
    work: Work, queues: Queues, con: Connection
) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    con.query("UPDATE job_run SET failures = 8")
    work.handler = fail
    work.deliver(*queues.take())
    assert work.run().state == "scheduled" and queues.delayed() == 0
    assert con.query("SELECT message_at FROM job_run") == [[None]]
    assert redelivery.send_due(con, work.run().due_at - timedelta(minutes=14)) == 1
    assert "retry 9 of 10 in" in work.events(run_id)[-1][2]


def test_a_long_traceback_is_stored_with_its_end(work: Work, con: Connection) -> None:
    def fail_deep_down(context: Any) -> None:
        try:
            raise ValueError("x" * 40_000)
        except ValueError:
            raise RuntimeError("the disk is full")  # noqa: B904

    work.handler = fail_deep_down
    work.start_occurrence()
    ((stored,),) = con.query("SELECT traceback FROM job_attempt")
    assert stored.endswith("RuntimeError: the disk is full\n") and "characters omitted ..." in stored
    assert len(stored) < MAX_TRACEBACK_CHARACTERS + 100


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_stale_or_premature_attempt_number_starts_nothing(work: Work, attempt: int) -> None:
    work.handler = fail
    work.start_occurrence()
    run = work.run()
    work.make_due(run.id)
    assert work.deliver(message(run, attempt)) == []
    assert len(work.seen) == 1


def test_a_late_first_attempt_cannot_finish_the_second(work: Work, con: Connection) -> None:
    def overtaken(context: Any) -> str:
        if context.attempt == 1:
            work.end_lease(context.run_id)
            assert rescuer.rescue(con, con.now()) == 1
            work.make_due(context.run_id)
            work.deliver({"run_id": context.run_id, "attempt": 2})
        return f"attempt {context.attempt}"

    work.handler = overtaken
    work.start_occurrence()
    run = work.run()
    assert run.result == "attempt 2"
    assert [row[1] for row in work.attempts(run.id)] == ["lost", "succeeded"]


def test_long_work_goes_on_in_a_next_invocation(work: Work, queues: Queues) -> None:
    def in_three_parts(context: Any) -> Any:
        part = context.cursor.get("part", 0) + 1
        return {"parts": part} if part == 3 else Continue({"part": part})

    work.handler = in_three_parts
    work.start_occurrence()
    for _ in range(2):
        (pointer,) = queues.take()
        work.deliver(pointer)
    run = work.run()
    assert run.state == "succeeded" and run.result == {"parts": 3} and run.failures == 0
    assert run.started_at == work.seen[0].now < work.seen[1].now
    assert work.events(run.id)[2][2:] == ["attempt 2", f"process {os.getpid()}"]
    assert [row[1] for row in work.attempts(run.id)] == ["continued", "continued", "succeeded"]


def test_a_deleted_run_stops_at_its_next_checkpoint(work: Work, con: Connection) -> None:
    reached: list[str] = []

    def slow(context: Any) -> None:
        assert context.checkpoint() is False
        actions.change(con, "delete", ids=[context.run_id], actor="ann")
        with pytest.raises(Cancelled):
            context.checkpoint()
        reached.append("stopped")
        raise Cancelled

    work.handler = slow
    work.start_occurrence()
    run = work.run()
    assert reached == ["stopped"] and run.state == "deleted"
    assert work.attempts(run.id)[0][1] == "cancelled"
    assert con.query("SELECT message FROM job_log") == [["stopped at a checkpoint: "]]
    assert work.events(run.id)[-1][3] == "ann"


@pytest.mark.parametrize(("given", "reserve"), [(300_000, 30_000), (60_000, 12_000)])
def test_a_checkpoint_tells_when_time_is_nearly_up(work: Work, given: int, reserve: int) -> None:
    told: list[bool] = []

    def look(context: Any) -> None:
        for remaining in (given, reserve + 1, reserve):
            work.lambda_context.remaining = remaining
            told.append(context.checkpoint())

    work.handler = look
    work.lambda_context.remaining = given
    work.start_occurrence()
    assert told == [False, False, True]


def test_what_is_only_reported_is_written_once_a_second(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(at=0.0)
    monkeypatch.setattr("slowmatch.jobs.worker.context.time", SimpleNamespace(monotonic=lambda: clock.at))
    written: list[Any] = []

    def report(context: Any) -> None:
        for done in range(1, 6):
            clock.at += 0.5
            context.progress(done)
            written.append((work.run().progress or {}).get("done"))

    work.handler = report
    work.start_occurrence()
    assert written == [None, 2, 2, 4, 4] and work.run().progress == {"done": 5, "total": None}


def test_log_lines_and_progress_reach_the_database(work: Work, con: Connection) -> None:
    def talk(context: Any) -> None:
        context.logger.info("half\0way")
        context.progress(5, 10)
        for _ in range(2):
            context.checkpoint()
            assert work.run().progress == {"done": 5, "total": 10}

    work.handler = talk
    work.start_occurrence()
    assert con.query("SELECT level, message FROM job_log") == [["INFO", "half\ufffdway"]]
    assert work.run().progress == {"done": 5, "total": 10}


def test_a_paused_schedule_skips_and_a_person_still_runs(work: Work, con: Connection) -> None:
    pause.pause(con, "record-expiry", "ann", "moving house", now=con.now())
    work.start_occurrence()
    assert work.run().state == "deleted"
    assert "ann: moving house" in work.events(work.run().id)[0][2]
    enqueue(con, "record-expiry")
    work.deliver(message(work.runs()[1], 1))
    pause.pause(con, "record-expiry", "cid", None, now=con.now())
    work.start_occurrence("2026-11-24T03:00:00Z")
    assert work.events(work.runs()[2].id)[0][2] == "skipped: paused by cid"
    pause.resume(con, "record-expiry", "bob", con.now())
    work.start_occurrence("2026-11-24T04:00:00Z")
    assert len(work.seen) == 2


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[" * 100_000,
        "[]",
        "{}",
        '{"run_id": "x", "attempt": 1}',
        '{"job": "record-expiry", "occurrence": "noon"}',
        '{"job": "record-expiry", "occurrence": "2026-11-24T02:00:00"}',
        '{"job": "nothing", "occurrence": "' + OCCURRENCE + '"}',
        '{"run_id": "0190a7e0-0000-7000-8000-000000000000", "attempt": true}',
    ],
)
def test_rubbish_is_left_to_the_dead_letter_queue(work: Work, body: str) -> None:
    assert work.deliver(body, {"job": "record-expiry", "occurrence": OCCURRENCE}) == ["0"]
    assert work.run().state == "succeeded"


class Wordless(Exception):
    def __str__(self) -> str:
        return str(self.reason)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        pytest.param(lambda context: float("nan"), "ValueError", id="a result"),
        pytest.param(lambda context: [Wordless()], "AttributeError", id="a result without words"),
        pytest.param(lambda context: Continue({"least": float("inf")}), "ValueError", id="a cursor"),
        pytest.param(lambda context: Continue({(1, 2): 3}), "TypeError", id="a cursor's key"),  # type: ignore[dict-item]
        pytest.param(lambda context: context.progress(float("nan")), "ValueError", id="progress"),
    ],
)
def test_what_cannot_be_written_is_the_handlers_failure(
    work: Work, con: Connection, queues: Queues, said: Callable[[Any], Any], error: str
) -> None:
    def say(context: Any) -> Any:
        context.logger.info("hello")
        return said(context)

    work.handler = say
    assert work.start_occurrence() == []
    run = work.run()
    assert (run.state, run.failures) == ("scheduled", 1) and error in (run.error or "")
    assert queues.delayed() == 1
    assert con.query("SELECT message FROM job_log ORDER BY id")[0] == ["hello"]


def test_a_run_that_was_deleted_meanwhile_is_not_tried_again(
    work: Work, con: Connection, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    def deleted(context: Any) -> None:
        actions.change(con, "delete", ids=[context.run_id], actor="ann")
        raise RuntimeError

    work.handler = deleted
    work.start_occurrence()
    assert queues.delayed() == 0 and "RunRetried" not in capsys.readouterr().out
    assert "run_id" not in telemetry.logger.get_current_keys()


def test_an_error_without_words_is_a_failed_attempt(work: Work) -> None:
    def fail(context: Any) -> None:
        raise Wordless

    work.handler = fail
    assert work.start_occurrence() == []
    assert work.run().error == "Wordless: <exception str() failed>"


def test_a_line_that_cannot_be_written_is_nobodys_failure(
    work: Work, con: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(telemetry.log, "propagate", False)  # pytest's own handler raises
    work.handler = lambda context: context.logger.info("%d records", "three")
    work.start_occurrence()
    assert work.run().state == "succeeded" and con.query("SELECT message FROM job_log") == []
    assert "TypeError: %d format" in capsys.readouterr().err
