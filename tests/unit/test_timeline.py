"""A run's events and attempts become rows of spans on one axis."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from console.views.timeline import Timeline, timeline
from slowmatch.jobs.model import Attempt, Event, Outcome, RunDetails, RunState

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
FINISHED: dict[str, Any] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "scheduled": "failed",
    "enqueued": "continued",
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def run_that(*moves: tuple[float, str], due: float = 0, handler_ended: float | None = None) -> RunDetails:
    """A run that came to these states, seconds after its creation."""
    events: list[Event] = []
    attempts: list[Attempt] = []
    for number, (seconds, state) in enumerate(moves):
        before = cast("RunState | None", moves[number - 1][1] if number else None)
        events.append(
            Event(
                id=number,
                at=at(seconds),
                from_state=before,
                to_state=cast("RunState", state),
                reason="because",
                actor="ann",
            )
        )
        if state == "processing":
            following = moves[number + 1] if number + 1 < len(moves) else None
            attempts.append(_attempt(len(attempts) + 1, seconds, following))
    return RunDetails.from_json(
        {
            "id": "01900000-0000-7000-8000-000000000000",
            "job": "db-cleanup",
            "state": moves[-1][1],
            "stopped": False,
            "trigger": "api",
            "triggered_by": None,
            "schedule": None,
            "occurrence": None,
            "attempt": len(attempts),
            "failures": 0,
            "max_attempts": 11,
            "due_at": at(due).isoformat(),
            "lease_until": None,
            "created_at": START.isoformat(),
            "started_at": None,
            "finished_at": None,
            "progress": None,
            "error": None,
            "payload": {},
            "result": None,
            "cut": {},
            "attempts": [each.to_json() for each in attempts],
            "attempts_earlier": 0,
            "events": [each.to_json() for each in events],
            "events_earlier": 0,
            "log": [],
            "log_earlier": 0,
            "rerun_of": None,
            "reruns": [],
            "handler_ended_at": None if handler_ended is None else at(handler_ended).isoformat(),
            "stop_noticed": None if handler_ended is None else True,
        }
    )


def _attempt(number: int, started: float, following: tuple[float, str] | None) -> Attempt:
    outcome = cast("Outcome", FINISHED.get(following[1], "cancelled")) if following else None
    return Attempt(
        number=number,
        worker="w",
        request_id="r",
        started_at=at(started),
        finished_at=at(following[0]) if following else None,
        outcome=outcome,
        error_type=None,
        error_message=None,
        traceback=None,
    )


def drawn(run: RunDetails, now: float = 1000) -> Timeline:
    found = timeline(run, at(now))
    assert found is not None
    return found


def kinds(found: Timeline) -> list[list[str]]:
    return [[span.kind for span in row.spans] for row in found.rows]


def texts(found: Timeline) -> list[str]:
    return [span.text for row in found.rows for span in row.spans]


def test_a_run_waits_and_is_attempted() -> None:
    found = drawn(run_that((0, "enqueued"), (2, "processing"), (10, "succeeded")))
    assert kinds(found) == [["waiting", "attempt"]]
    assert texts(found) == ["Waited 2.0 s", "Attempt 1: succeeded after 8.0 s"]
    assert [found.place(span) for span in found.rows[0].spans] == [(0, 20), (20, 80)]
    assert found.rows[0].spans[1].href == "#attempt-1"


def test_each_retry_has_a_row_with_its_back_off() -> None:
    found = drawn(
        run_that((0, "enqueued"), (1, "processing"), (2, "scheduled"), (32, "processing"), (40, "succeeded"))
    )
    assert kinds(found) == [["waiting", "attempt"], ["back-off", "attempt"]]
    assert [row.label for row in found.rows] == ["Attempt 1", "Attempt 2"]
    assert "Back-off of 30.0 s before the next attempt" in texts(found)


def test_what_continues_stays_in_its_row() -> None:
    found = drawn(
        run_that(
            (0, "processing"), (10, "enqueued"), (11, "processing"), (20, "enqueued"), (21, "processing")
        )
    )
    assert kinds(found) == [["attempt", "continuation", "attempt", "continuation", "attempt"]]
    assert found.rows[0].label == "Attempts 1 to 3"


def test_the_next_attempt_is_marked_when_it_is_due() -> None:
    found = drawn(run_that((0, "processing"), (10, "scheduled"), due=100), now=40)
    assert (found.next_at, found.end) == (at(100), at(100))
    assert found.rows[-1].label == "Attempt 2"
    assert found.rows[-1].spans[-1].is_open


def test_a_retry_that_is_overdue_waits_for_its_turn() -> None:
    found = drawn(run_that((0, "processing"), (10, "scheduled"), due=30), now=40)
    assert found.next_at is None
    assert kinds(found)[-1] == ["back-off", "waiting"]
    assert texts(found)[-1] == "Due, waiting for its turn"


def test_an_attempt_that_runs_ends_at_about_now() -> None:
    found = drawn(run_that((0, "enqueued"), (1, "processing")), now=600)
    (_, span) = found.rows[0].spans
    assert span.is_open and at(560) < span.end <= at(600)


def test_the_picture_of_a_long_run_changes_seldom() -> None:
    run = run_that((0, "processing"))
    pictures = {
        timeline(run, at(36_000 + seconds)) is not None and drawn(run, 36_000 + seconds).end
        for seconds in range(500)
    }
    assert len(pictures) <= 3


def test_a_requeued_run_is_drawn_from_there() -> None:
    found = drawn(
        run_that(
            (0, "processing"),
            (10, "failed"),
            (90_000, "enqueued"),
            (90_001, "processing"),
            (90_009, "succeeded"),
        )
    )
    assert found.start == at(90_000)
    assert [row.label for row in found.rows] == ["Attempt 2"]


def test_a_run_that_was_put_off_is_drawn_from_when_it_was_due() -> None:
    found = drawn(
        run_that((0, "scheduled"), (90_000, "enqueued"), (90_001, "processing"), (90_009, "succeeded"))
    )
    assert found.start == at(90_000)


def test_a_handler_that_went_on_after_the_stop_is_shown() -> None:
    found = drawn(run_that((0, "processing"), (10, "deleted"), handler_ended=13))
    assert texts(found) == [
        "Attempt 1: stopped after 10.0 s",
        "The handler ended 3.0 s after the run was stopped",
    ]
    assert found.end == at(13)


@pytest.mark.parametrize("moves", [[(0, "enqueued"), (5, "deleted")], [(0, "deleted")]])
def test_a_run_that_never_started_has_no_timeline(moves: list[tuple[float, str]]) -> None:
    assert timeline(run_that(*moves), at(10)) is None


@pytest.mark.parametrize("seconds", [0.02, 1, 80, 4_000, 17_000, 90_000, 10**7, 10**9])
def test_the_axis_has_a_few_ticks_of_round_times(seconds: float) -> None:
    ticks = drawn(run_that((0, "processing"), (seconds, "succeeded"))).ticks
    assert 1 <= len(ticks) <= 4
    assert all(0 < tick.x <= 100 and "." not in tick.label for tick in ticks)


def test_attempts_are_wide_enough_to_be_clicked() -> None:
    run = run_that((0, "processing"), (0.001, "scheduled"), (9_999.999, "processing"), (10_000, "succeeded"))
    found = drawn(run, 20_000)
    bars = [found.place(span) for row in found.rows for span in row.spans if span.kind == "attempt"]
    assert all(width >= 0.7 and left + width <= 100 for left, width in bars)
