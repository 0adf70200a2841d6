"""What is upcoming, on one axis: a lane for each job, in percent of the axis from left to right."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from slowmatch.db import Connection
from slowmatch.jobs.queries import job_summaries, made_schedules, upcoming
from slowmatch.jobs.queries.job_summaries import JobSummary
from slowmatch.jobs.queries.upcoming import MAX_DELAYED_RUNS, BusiestMoment, Occurrence

SPANS = {"24h": (timedelta(hours=24), timedelta(hours=3)), "7d": (timedelta(days=7), timedelta(days=1))}
"""The time spans of the page: how long each is, and the distance of its ticks."""
MIN_WIDTH = 0.25
"""Of a bar, in percent of the axis: a shorter one would not be seen."""
SLOT = 0.5
"""What begins within so many percent of the axis is one bar."""
LISTED = 100


@dataclass(slots=True)
class Bar:
    """One occurrence, or several of a kind that are close together. It `is_tick` if the duration is not known."""

    first: Occurrence
    x: float
    width: float
    is_tick: bool
    overlaps: bool
    last_at: datetime
    number: int = 1


@dataclass(frozen=True, slots=True)
class Lane:
    """A job's row. Of its `frequent` schedules, in words, there are no bars, but a band over the whole axis.

    `schedules` is the number of those that were made at run time. The band is `idle` if nothing in it will start.
    """

    job: JobSummary
    schedules: int
    frequent: str
    idle: bool
    bars: list[Bar]
    kinds: dict[str, int]
    overlaps: int


class Listed(NamedTuple):
    """A line of the list. `repeats` says that the schedule goes on like this."""

    occurrence: Occurrence
    expected_ms: float | None
    overlaps: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class Tick:
    at: datetime
    x: float


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The page's content. `listed` are the first occurrences of all jobs, of a frequent one only the first."""

    start: datetime
    end: datetime
    ticks: list[Tick]
    lanes: list[Lane]
    busiest: BusiestMoment | None
    listed: list[Listed]
    total: int
    more_runs: bool

    @property
    def used(self) -> set[str]:
        """What the key explains."""
        bars = [bar for lane in self.lanes for bar in lane.bars]
        marks = {"late" for bar in bars if bar.overlaps} | {"tick" for bar in bars if bar.is_tick}
        return marks | {bar.first.kind for bar in bars}


def read(con: Connection, now: datetime, span: str) -> Upcoming:
    length, step = SPANS[span]
    start = upcoming.whole_minute(now)
    end = start + length
    jobs = job_summaries.list_jobs(con, now)
    schedules = [each.schedule for each in made_schedules.page(con)]
    numbers = Counter(each.job for each in schedules)
    runs = upcoming.delayed_runs(con, start, end)
    more_runs = len(runs) > MAX_DELAYED_RUNS
    most = upcoming.most_of_each(len(schedules))
    found = list(upcoming.occurrences(jobs, schedules, runs[:MAX_DELAYED_RUNS], start, end, most))
    expected = {job.name: timedelta(milliseconds=job.p50_ms) for job in jobs if job.p50_ms is not None}
    frequent = upcoming.frequent_schedules(found, most)
    not_counted = {job for job, _ in frequent}
    late = upcoming.overlapping(found, expected)
    shown = list(_without_repetitions(found, frequent))
    axis = _Axis(start, length)
    shown.sort(key=lambda each: (each.at, each.job))
    p50_ms = {job.name: job.p50_ms for job in jobs}
    return Upcoming(
        start=start,
        end=end,
        ticks=list(_ticks(axis, step)),
        lanes=[
            _lane(axis, job, numbers[job.name], of_job, frequent, late=late, expected=expected.get(job.name))
            for job in jobs
            if (of_job := [each for each in found if each.job == job.name])
            or job.schedule
            or numbers[job.name]
        ],
        busiest=upcoming.busiest_moment((each for each in shown if each.job not in not_counted), expected),
        listed=[
            Listed(
                each,
                p50_ms[each.job],
                each in late,
                (each.job, each.schedule) in frequent and not each.is_run,
            )
            for each in shown[:LISTED]
        ],
        total=len(shown),
        more_runs=more_runs,
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    length: timedelta

    def percent(self, length: timedelta) -> float:
        return round(100 * (length / self.length), 3)

    def x(self, at: datetime) -> float:
        return self.percent(at - self.start)


def _ticks(axis: _Axis, step: timedelta) -> Iterator[Tick]:
    """At whole steps of UTC; the browser draws those of the viewer's zone."""
    midnight = axis.start.replace(hour=0, minute=0)
    at = midnight + step * ((axis.start - midnight) // step + 1)
    while at <= axis.start + axis.length:
        yield Tick(at, axis.x(at))
        at += step


def _without_repetitions(found: Iterable[Occurrence], frequent: set[tuple[str, str]]) -> Iterator[Occurrence]:
    """Of each frequent schedule only the first occurrence."""
    begun = set()
    for each in found:
        schedule = (each.job, each.schedule)
        if schedule in frequent and not each.is_run:
            if schedule in begun:
                continue
            begun.add(schedule)
        yield each


def _lane(
    axis: _Axis,
    job: JobSummary,
    schedules: int,
    found: Sequence[Occurrence],
    frequent: set[tuple[str, str]],
    *,
    late: set[Occurrence],
    expected: timedelta | None,
) -> Lane:
    band = [each for each in found if not each.is_run and (each.job, each.schedule) in frequent]
    drawn = [each for each in found if each.is_run or (each.job, each.schedule) not in frequent]
    kinds = Counter[str](each.kind for each in drawn)
    bars: list[Bar] = []
    for each in sorted(drawn, key=lambda each: (each.kind, each in late, each.at)):
        bar = _bar(axis, each, expected, each in late)
        previous = bars[-1] if bars else None
        if previous and _is_same(previous, bar):
            previous.number += 1
            previous.last_at = bar.last_at
            previous.width = round(max(previous.width, bar.x + bar.width - previous.x), 3)
        else:
            bars.append(bar)
    return Lane(
        job=job,
        schedules=schedules,
        frequent=" and ".join(dict.fromkeys(each.name for each in band)),
        idle=not any(each.starts for each in band),
        bars=bars,
        kinds=kinds,
        overlaps=sum(each in late for each in found),
    )


def _bar(axis: _Axis, each: Occurrence, expected: timedelta | None, overlaps: bool) -> Bar:
    x = axis.x(each.at)
    width = axis.percent(expected) if expected and each.starts else 0
    is_tick = expected is None and each.starts
    return Bar(each, x, max(min(width, 100 - x), MIN_WIDTH), is_tick, overlaps, each.at)


def _is_same(previous: Bar, bar: Bar) -> bool:
    kinds = {(each.first.kind, each.overlaps) for each in (previous, bar)}
    return len(kinds) == 1 and bar.x - previous.x < SLOT
