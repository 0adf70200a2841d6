"""What will start in the hours ahead: the occurrences of schedules, delayed runs and retries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby, islice
from typing import Literal

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.model import JsonRow
from slowmatch.jobs.queries.job_summaries import JobSummary
from slowmatch.jobs.schedules import timing
from slowmatch.jobs.schedules.model import Schedule
from slowmatch.jobs.schedules.store import LIMIT
from slowmatch.text import to_json

MAX_OCCURRENCES = 100
"""A schedule with more of them in the time span is `frequent`: only this many are computed, and one more."""
MAX_OF_ALL = 10_000
"""Of many schedules, fewer of each are computed, but MIN_OCCURRENCES in any case."""
MIN_OCCURRENCES = 10
MAX_DELAYED_RUNS = 500

Kind = Literal["schedule", "paused", "disabled", "delayed", "retry", "held"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something of `job` that is due at `at`. `name` is the schedule in words, or the id of a waiting run.

    `schedule` is the name of one that was made at run time, empty for the job's rule and for other runs. What is
    `paused` starts nothing, and neither does that of a `disabled` job, whose waiting runs are `held`.
    """

    job: str
    name: str
    at: datetime
    kind: Kind
    schedule: str = ""

    @property
    def starts(self) -> bool:
        return self.kind in ("schedule", "delayed", "retry")

    @property
    def is_run(self) -> bool:
        """Whether it is a run that waits, and not an occurrence of a schedule."""
        return self.kind in ("delayed", "retry", "held")


@dataclass(frozen=True, slots=True)
class DelayedRun(JsonRow):
    id: str
    job: str
    due_at: datetime
    failures: int
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class BusiestMoment:
    at: datetime
    jobs: list[str]


def occurrences(
    jobs: Sequence[JobSummary],
    schedules: Iterable[Schedule],
    runs: Iterable[DelayedRun],
    after: datetime,
    until: datetime,
    most: int = MAX_OCCURRENCES,
) -> Iterator[Occurrence]:
    """All that is due in (after, until], job by job. The source of everything that the page Upcoming shows.

    Of each schedule, they are `most` and one more if there are more.
    """
    known = {job.name: job for job in jobs}
    for job in jobs:
        if job.schedule and job.schedule_enabled:
            kind: Kind = "disabled" if job.disabled else "paused" if job.paused else "schedule"
            for at in _times(job.schedule, "UTC", None, None, after, until, most):
                yield Occurrence(job.name, job.words or job.schedule, at, kind)
    for each in schedules:
        if each.job in known and not each.is_delayed_run:
            kind = "disabled" if known[each.job].disabled else "schedule" if each.enabled else "paused"
            words = each.words
            zone, start, end = each.time_zone, each.starts_at, each.ends_at
            for at in _times(each.expression, zone, start, end, after, until, most):
                yield Occurrence(each.job, words, at, kind, each.name)
    for run in runs:
        if run.job in known and after < run.due_at <= until:
            waits: Kind = "retry" if run.failures else "delayed"
            kind = "held" if known[run.job].disabled else waits
            yield Occurrence(run.job, run.id, run.due_at, kind, run.schedule)


@lru_cache(maxsize=LIMIT + 256)
def _times(
    expression: str,
    time_zone: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    after: datetime,
    until: datetime,
    most: int,
) -> tuple[datetime, ...]:
    """Computed once for all polls of a minute: `after` and `until` are whole minutes."""
    try:
        parsed = timing.parse(expression, time_zone, starts_at, ends_at)
    except timing.ScheduleError:
        return ()
    return tuple(islice(parsed.between(after, until), most + 1))


def most_of_each(schedules: int) -> int:
    """How many occurrences of each schedule are computed if there are so many schedules."""
    return min(MAX_OCCURRENCES, max(MIN_OCCURRENCES, MAX_OF_ALL // max(schedules, 1)))


def frequent_schedules(found: Iterable[Occurrence], most: int = MAX_OCCURRENCES) -> set[tuple[str, str]]:
    """The schedules, by job and name, that have more occurrences than `most`, so that not all were computed."""
    numbers = Counter((each.job, each.schedule) for each in found if not each.is_run)
    return {schedule for schedule, number in numbers.items() if number > most}


def overlapping(found: Iterable[Occurrence], expected: Mapping[str, timedelta]) -> set[Occurrence]:
    """Those that are due while an earlier one of the same job is expected to be running."""
    ends: dict[str, datetime] = {}
    late = set()
    for each in sorted(found, key=lambda each: each.at):
        if not each.starts:
            continue
        if each.at < ends.get(each.job, each.at):
            late.add(each)
        ends[each.job] = max(ends.get(each.job, each.at), each.at + expected.get(each.job, timedelta()))
    return late


def busiest_moment(found: Iterable[Occurrence], expected: Mapping[str, timedelta]) -> BusiestMoment | None:
    """The first moment at which most jobs are expected to run; None if nothing starts.

    A job whose duration is unknown runs at the moment when it starts.
    """
    ends: dict[str, datetime] = {}
    busiest = None
    in_order = sorted((each for each in found if each.starts), key=lambda each: each.at)
    for at, starting in groupby(in_order, key=lambda each: each.at):
        names = {each.job for each in starting}
        for job in names:
            ends[job] = max(ends.get(job, at), at + expected.get(job, timedelta()))
        running = names | {job for job, end in ends.items() if end > at}
        if busiest is None or len(running) > len(busiest.jobs):
            busiest = BusiestMoment(at, sorted(running))
    return busiest


def whole_minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def delayed_runs(con: Connection, after: datetime, until: datetime) -> list[DelayedRun]:
    """The runs of the catalog's jobs that are due in (after, until], the first to be due first.

    They are MAX_DELAYED_RUNS at most, and one more if there are more.
    """
    key = ("delayed", after, until)
    ((found,),) = cached(
        con, key, lambda: con.query(_DELAYED_RUNS, names=to_json(list(JOBS)), after=after, until=until)
    )
    return [DelayedRun.from_json(run) for run in found]


_DELAYED_RUNS = f"""
    SELECT COALESCE(json_agg(json_build_object(
        'id', id, 'job', job, 'due_at', due_at, 'failures', failures, 'schedule', schedule
    ) ORDER BY due_at, id), '[]')
    FROM (
        SELECT run.id, run.job, run.due_at, run.failures, run.schedule
        FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name)
        CROSS JOIN LATERAL (
            SELECT id, job, due_at, failures, schedule FROM job_run
            WHERE job = wanted.name AND state = 'scheduled'
              AND due_at > :after::timestamptz AND due_at <= :until::timestamptz
            ORDER BY due_at LIMIT {MAX_DELAYED_RUNS + 1}
        ) AS run
        ORDER BY run.due_at, run.id LIMIT {MAX_DELAYED_RUNS + 1}
    ) AS due
"""
