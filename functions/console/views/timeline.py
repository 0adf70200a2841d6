"""The life of a run on one axis: rows of spans, which the template draws.

Each row is one try: the wait before it, the attempt, and the attempts that continue its work. Other things that take
time become further kinds of spans on rows of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Literal

from console.web.formatting import duration, state_word
from slowmatch.jobs.lifecycle.actions import FINAL
from slowmatch.jobs.model import Attempt, Event, RunDetails

MIN_PERCENT = 0.7
"""Attempts are drawn at least this wide, so that they can be seen and clicked."""
MAX_TICKS = 4
_TICK_SECONDS = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 20, 30)),
    *(3600 * hours for hours in (1, 2, 4, 6, 12)),
    *(86400 * days for days in (1, 2, 5, 10, 30, 60, 120, 365)),
)

Kind = Literal["waiting", "back-off", "continuation", "attempt", "stopping"]


@dataclass(frozen=True, slots=True)
class Span:
    """What took from `start` to `end`. `text` says what, `href` leads to it, `tone` is its state or outcome."""

    kind: Kind
    start: datetime
    end: datetime
    text: str
    href: str
    tone: str = ""
    is_open: bool = False


@dataclass(slots=True)
class Row:
    label: str = ""
    spans: list[Span] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rows between `start` and `end`; `next_at` is when the next attempt is due."""

    start: datetime
    end: datetime
    rows: list[Row]
    next_at: datetime | None

    def x(self, moment: datetime) -> float:
        """Where a moment is, in percent."""
        return round(100 * ((moment - self.start) / (self.end - self.start)), 2)

    def place(self, span: Span) -> tuple[float, float]:
        """Left edge and width in percent."""
        left, right = self.x(span.start), self.x(span.end)
        width = max(right - left, MIN_PERCENT if span.kind == "attempt" else 0.2)
        return round(min(left, 100 - width), 2), round(width, 2)

    @property
    def ticks(self) -> list[Tick]:
        total = (self.end - self.start).total_seconds()
        step = next((each for each in _TICK_SECONDS if total / each <= MAX_TICKS), total)
        return [
            Tick(round(100 * number * step / total, 2), _offset(number * step))
            for number in range(1, int(total / step) + 1)
        ]


def timeline(run: RunDetails, now: datetime) -> Timeline | None:
    """What happened since the run was created or last requeued; None if that is not known, or if it never started.

    What has not ended is drawn up to about `now`, in steps, so that the page changes no more often than one can see.
    """
    events = _since_last_requeue(run.events)
    is_over = run.state in FINAL
    if not events or (is_over and not any(event.to_state == "processing" for event in events)):
        return None
    if len(events) > 1 and events[0].to_state == "scheduled" and events[0].from_state is None:
        events = events[1:]  # how long it was put off says nothing, and would dwarf the rest
    start = events[0].at
    until = events[-1].at if is_over else max(events[-1].at, _steps(start, now))
    next_at = run.due_at if run.state == "scheduled" and run.due_at > now else None
    rows = _rows(run, events, until, next_at)
    ends = [span.end for row in rows for span in row.spans]
    end = max([*ends, until, start + timedelta(milliseconds=10)])
    return Timeline(start, end, rows, next_at)


def _since_last_requeue(events: Sequence[Event]) -> list[Event]:
    requeued = (
        number
        for number, event in enumerate(events)
        if event.from_state in FINAL and event.to_state == "enqueued"
    )
    return list(events[max(requeued, default=0) :])


def _steps(start: datetime, now: datetime) -> datetime:
    """`now`, rounded down to about a 16th of the time since `start`, at least to seconds."""
    elapsed = max((now - start).total_seconds(), 1)
    step = 2 ** max(math.floor(math.log2(elapsed / 16)), 0)
    return datetime.fromtimestamp(now.timestamp() // step * step, UTC)


def _rows(run: RunDetails, events: list[Event], until: datetime, next_at: datetime | None) -> list[Row]:
    attempts = {attempt.started_at: attempt for attempt in run.attempts}
    rows = [Row()]
    for event, following in zip_longest(events, events[1:]):
        if event.to_state == "scheduled" and event.from_state == "processing":
            rows.append(Row())
        row = rows[-1]
        end = following.at if following else until
        if event.to_state == "processing":
            attempt = attempts.get(event.at)
            row.spans.append(_attempt(event, attempt, end))
            row.attempts += [attempt] if attempt else []
        elif event.to_state in ("enqueued", "scheduled"):
            row.spans += _waits(run, event, end, next_at if following is None else None)
        elif event.word == "stopped":
            row.spans += _stopping(run, event)
    for row in rows:
        row.label = _label(row, run.attempt + 1)
    return rows


def _label(row: Row, next_number: int) -> str:
    numbers = [attempt.number for attempt in row.attempts] or [next_number]
    if len(numbers) == 1:
        return f"Attempt {numbers[0]}"
    return f"Attempts {numbers[0]} to {numbers[-1]}"


def _attempt(event: Event, attempt: Attempt | None, end: datetime) -> Span:
    if attempt is None:
        return Span("attempt", event.at, end, event.reason.capitalize(), f"#event-{event.id}", "processing")
    name, href = f"Attempt {attempt.number}", f"#attempt-{attempt.number}"
    if attempt.finished_at is None:
        return Span("attempt", event.at, end, f"{name} is running", href, "processing", is_open=True)
    took = duration((attempt.finished_at - attempt.started_at).total_seconds() * 1000)
    outcome = attempt.outcome or "processing"
    text = f"{name}: {state_word(outcome)} after {took}"
    return Span("attempt", event.at, attempt.finished_at, text, href, outcome)


def _waits(run: RunDetails, event: Event, end: datetime, next_at: datetime | None) -> list[Span]:
    """The wait that begins with `event`. If it has not ended, it is split when the run was due."""
    href = f"#event-{event.id}"
    was_scheduled, is_open = event.to_state == "scheduled", event is run.events[-1]
    kind: Kind = "waiting"
    if event.from_state == "processing":
        kind = "back-off" if was_scheduled else "continuation"
    if next_at:
        return [Span(kind, event.at, next_at, "Waiting until it is due", href, "scheduled", is_open=True)]
    if is_open and was_scheduled and event.at < run.due_at < end:
        before = _wait(kind, event.at, run.due_at, href)
        return [
            before,
            Span("waiting", run.due_at, end, "Due, waiting for its turn", href, "enqueued", is_open),
        ]
    if is_open:
        return [Span(kind, event.at, end, "Waiting for its turn", href, run.state, is_open)]
    return [_wait(kind, event.at, end, href)]


def _wait(kind: Kind, start: datetime, end: datetime, href: str) -> Span:
    took = duration((end - start).total_seconds() * 1000)
    text = {
        "waiting": f"Waited {took}",
        "back-off": f"Back-off of {took} before the next attempt",
        "continuation": f"Continued by the next invocation after {took}",
    }
    tone = "scheduled" if kind == "back-off" else "enqueued"
    return Span(kind, start, end, text[kind], href, tone)


def _stopping(run: RunDetails, event: Event) -> list[Span]:
    """How long the handler went on after it was stopped, if that is known."""
    if run.handler_ended_at is None:
        return []
    took = duration((run.handler_ended_at - event.at).total_seconds() * 1000)
    text = f"The handler ended {took} after the run was stopped"
    return [Span("stopping", event.at, run.handler_ended_at, text, f"#event-{event.id}", "deleted")]


def _offset(seconds: float) -> str:
    """The label of a tick: 200 ms, 2.5 s, 1 m 20 s, 4 h, 1 d 12 h."""
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    if seconds < 60:
        return f"{seconds:g} s"
    units = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    rest, parts = round(seconds), []
    for size, name in units:
        number, rest = divmod(rest, size)
        parts += [f"{number} {name}"] if number else []
    return " ".join(parts[:2])
