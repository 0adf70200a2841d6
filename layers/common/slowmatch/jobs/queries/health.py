"""Whether anything is wrong: the facts, and the one judgement of them, which the API and the console show.

Facts hold moments, not ages: an age would change at every look, and with it the ETag of a page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP, CappedCount, count_up_to_cap
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.catalog import CONFIG_ERRORS, JOBS
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.jobs.model import JsonRow
from slowmatch.jobs.queries.job_summaries import MISSED, Paused
from slowmatch.jobs.queries.queue_depths import Depths
from slowmatch.text import to_json

SILENCE = timedelta(minutes=5)
"""So long may work wait without any worker claiming a run."""
DISPATCHER_LATE = timedelta(minutes=12)
"""The dispatcher passes every five minutes: two passes in a row are missing, or failed at the same thing."""
MAX_CLOCK_OFFSET = timedelta(seconds=30)
KEPT_SECONDS = 5
"""Maximum staleness of values that change only with time."""

Kind = Literal[
    "silence",
    "dispatcher_late",
    "failing_duty",
    "removed_job",
    "disabled_job",
    "failed_runs",
    "missed_runs",
    "dead_letters",
    "unreadable_queues",
    "clock",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs a person. `text` is a clause without a full stop; `since` is the moment it began.

    GET /api/health answers 503 for one that `is_outage`. `job` is the job it is about, if it is about one.
    """

    kind: Kind
    text: str
    is_outage: bool = False
    since: datetime | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class FailingDuty(JsonRow):
    """A duty of the dispatcher that failed in its last pass and in all passes since `since`."""

    name: str
    problem: str
    since: datetime


@dataclass(frozen=True, slots=True)
class DispatcherPass:
    """The dispatcher's last pass: when it ended, what it did, and which duties failed."""

    at: datetime | None
    did: dict[str, int]
    failing: list[FailingDuty]


@dataclass(frozen=True, slots=True)
class PausedJob(Paused):
    job: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the judgement rests on.

    `silent_since` is the last claim of any worker if nothing was claimed for SILENCE, although work that nothing
    blocks waited for that long. `waiting_for_removed_jobs` counts the runs of jobs that are not in the catalog.
    `disabled_jobs` says why jobs cannot run.
    """

    failed_24h: CappedCount
    retrying: CappedCount
    missed_24h: int
    oldest_waiting_at: datetime | None
    silent_since: datetime | None
    paused_jobs: list[PausedJob]
    dispatcher: DispatcherPass
    waiting_for_removed_jobs: dict[str, CappedCount]
    disabled_jobs: dict[str, str]


def facts(con: Connection, now: datetime) -> Facts:
    moment = int(now.timestamp()) // KEPT_SECONDS
    return cached(con, ("facts", moment), lambda: _facts(con, now))


def problems(facts: Facts, depths: Depths, clock_offset: timedelta, now: datetime) -> list[Problem]:
    """What needs somebody, worst first; nothing when all is well."""
    return list(_problems(facts, depths, clock_offset, now))


def _problems(facts: Facts, depths: Depths, clock_offset: timedelta, now: datetime) -> Iterator[Problem]:
    if facts.silent_since:
        text = "no worker has claimed a run, although runs are waiting"
        yield Problem("silence", text, since=facts.silent_since)
    yield from dispatcher_problems(facts.dispatcher, facts.waiting_for_removed_jobs, now)
    for problem in disabled_problems(facts.disabled_jobs):
        if problem.job not in facts.waiting_for_removed_jobs:
            yield problem
    if facts.failed_24h.number:
        yield Problem("failed_runs", f"{_runs(facts.failed_24h)} failed in the last 24 hours")
    if facts.missed_24h:
        missed = _plural(facts.missed_24h, "scheduled run was", "scheduled runs were")
        yield Problem("missed_runs", f"{missed} missed in the last 24 hours")
    yield from queue_problems(depths)
    yield from clock_problems(clock_offset)


def dispatcher_problems(
    last: DispatcherPass, waiting_for_removed_jobs: dict[str, CappedCount], now: datetime
) -> Iterator[Problem]:
    """A duty may fail for DISPATCHER_LATE before that is an outage."""
    if last.at is None:
        text = "the dispatcher has not finished a pass yet; it runs every five minutes"
        yield Problem("dispatcher_late", text, is_outage=True)
    elif now - last.at >= DISPATCHER_LATE:
        text = "the dispatcher has not finished a pass for more than 12 minutes: overdue messages are not being resent"
        yield Problem("dispatcher_late", text, is_outage=True)
    for duty in last.failing:
        text = f"the dispatcher cannot {duty.name}: {duty.problem}"
        yield Problem("failing_duty", text, now - duty.since >= DISPATCHER_LATE, since=duty.since)
    for job, count in waiting_for_removed_jobs.items():
        error = CONFIG_ERRORS.get(job)
        state = (
            f"disabled: {error}" if error else "no longer deployed: delete the runs or deploy the job again"
        )
        text = f"{_runs(count)} {'waits' if count.number == 1 else 'wait'} for {job!r}, which is {state}"
        yield Problem("removed_job", text, is_outage=True, job=job)


def disabled_problems(disabled: dict[str, str]) -> Iterator[Problem]:
    for job, reason in disabled.items():
        yield Problem("disabled_job", f"{job!r} is disabled: {reason}", is_outage=True, job=job)


def queue_problems(depths: Depths) -> Iterator[Problem]:
    if depths.problem:
        yield Problem("unreadable_queues", depths.problem, is_outage=True)
    elif depths.dead:
        messages = _plural(depths.dead, "message is", "messages are")
        yield Problem("dead_letters", f"{messages} in a dead-letter queue", is_outage=True)


def clock_problems(offset: timedelta) -> Iterator[Problem]:
    if abs(offset) >= MAX_CLOCK_OFFSET:
        seconds = f"{abs(offset).total_seconds():.0f}"
        text = f"the database's clock and this server's differ by {seconds} s"
        yield Problem("clock", text, is_outage=True)


def _runs(count: CappedCount) -> str:
    return f"{count.number:,}+ runs" if count.capped else _plural(count.number, "run", "runs")


def _plural(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _facts(con: Connection, now: datetime) -> Facts:
    ((failed, retrying, missed, oldest_waiting_at, silent_since),) = con.query(
        _FACTS,
        now=now,
        since=now - timedelta(days=1),
        late=now - SILENCE,
        names=to_json(list(JOBS)),
    )
    return Facts(
        failed_24h=CappedCount.of(failed),
        retrying=CappedCount.of(retrying),
        missed_24h=missed,
        oldest_waiting_at=oldest_waiting_at,
        silent_since=silent_since,
        paused_jobs=[PausedJob(*row) for row in con.query(_PAUSED_JOBS)],
        dispatcher=last_pass(con),
        waiting_for_removed_jobs=waiting_for_removed_jobs(con),
        disabled_jobs=disabled_jobs(con),
    )


# Only jobs of the catalog: a run of a removed job waits for ever. For the JSON see `queue_depths`.
_OLDEST_WAITING_AT = """(
    SELECT min(oldest.due_at) FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name), LATERAL (
        SELECT due_at FROM job_run
        WHERE job = wanted.name AND state IN ('enqueued', 'scheduled') AND due_at <= :now::timestamptz
        ORDER BY due_at LIMIT 1
    ) AS oldest
)"""
_FACTS = f"""
    SELECT {count_up_to_cap("job_run WHERE state = 'failed' AND finished_at >= :since::timestamptz")},
           {count_up_to_cap("job_run WHERE state = 'scheduled' AND failures > 0")},
           (SELECT count(*) FROM {MISSED} AND noticed_at >= :since::timestamptz),
           {_OLDEST_WAITING_AT},
           (
               SELECT COALESCE(claim.last_at, stuck.due_at)
               FROM (
                   SELECT waiting.due_at FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name), LATERAL (
                       SELECT exclusive, due_at FROM job_run
                       WHERE job = wanted.name AND state IN ('enqueued', 'scheduled') AND due_at <= :late::timestamptz
                       ORDER BY due_at LIMIT 1
                   ) AS waiting
                   WHERE NOT waiting.exclusive OR NOT EXISTS (
                       SELECT FROM job_run AS running WHERE running.job = wanted.name AND running.state = 'processing'
                   )
                   ORDER BY waiting.due_at LIMIT 1
               ) AS stuck, (SELECT max(started_at) AS last_at FROM job_attempt) AS claim
               WHERE claim.last_at IS NULL OR claim.last_at <= :late::timestamptz
           )
"""
_PAUSED_JOBS = """
    SELECT paused_at, paused_by, pause_note, name FROM job
    WHERE paused_at IS NOT NULL
    ORDER BY name
"""


def last_pass(con: Connection) -> DispatcherPass:
    for at, did, failing in con.query("SELECT finished_at, done, failing FROM dispatcher_tick"):
        duties = [FailingDuty.from_json({"name": name, **each}) for name, each in failing.items()]
        return DispatcherPass(at, did, duties)
    return DispatcherPass(None, {}, [])


def waiting_for_removed_jobs(con: Connection) -> dict[str, CappedCount]:
    """How many runs wait for each job that is not in the catalog: it was removed, or its job.py is wrong."""
    rows = con.query(_WAITING_FOR_REMOVED_JOBS, jobs=to_json(list(JOBS)))
    return {job: CappedCount.of(number) for job, number in rows}


_WAITING = "state IN ('enqueued', 'scheduled')"
# From one job to the next, through the index of waiting runs by job and due time.
_WAITING_FOR_REMOVED_JOBS = f"""
    WITH RECURSIVE waiting(job) AS (
        (SELECT job FROM job_run WHERE {_WAITING} ORDER BY job, due_at LIMIT 1)
        UNION ALL
        SELECT (
            SELECT job FROM job_run WHERE {_WAITING} AND job > waiting.job ORDER BY job, due_at LIMIT 1
        ) FROM waiting WHERE waiting.job IS NOT NULL
    )
    SELECT job, {count_up_to_cap(f"job_run AS run WHERE run.job = waiting.job AND run.{_WAITING} ORDER BY due_at")}
    FROM waiting WHERE job IS NOT NULL AND NOT :jobs::jsonb ? job
    ORDER BY job
"""


def stats(con: Connection, now: datetime, hours: int) -> str:
    """Counts by state and hourly figures of the last `hours`, as JSON text.

    `succeeded` and `deleted` count the last `hours` by the rollup; the other states and `retrying` are counted as
    they are, up to COUNT_CAP: `capped` names those of which there are more.
    """
    ((text,),) = con.query(_STATS, now=now, since=now - timedelta(hours=hours), names=to_json(list(JOBS)))
    return str(text)


_COUNTED = {
    "enqueued": "state = 'enqueued'",
    "scheduled": "state = 'scheduled'",
    "processing": "state = 'processing'",
    "failed": "state = 'failed'",
    "retrying": "state = 'scheduled' AND failures > 0",
}
_COUNTS = ", ".join(
    f"{count_up_to_cap(f'job_run WHERE {condition} ORDER BY id')} AS {name}"
    for name, condition in _COUNTED.items()
)
_CAPPED = ", ".join(f"CASE WHEN {name} > {COUNT_CAP} THEN '{name}' END" for name in _COUNTED)
_STATS = f"""
    SELECT json_build_object(
        'at', :now::timestamptz,
        'states', json_build_object(
            'enqueued', LEAST(enqueued, {COUNT_CAP}),
            'scheduled', LEAST(scheduled, {COUNT_CAP}),
            'processing', LEAST(processing, {COUNT_CAP}),
            'failed', LEAST(failed, {COUNT_CAP}),
            'succeeded', (SELECT COALESCE(sum(succeeded), 0) FROM job_hour WHERE hour >= :since::timestamptz),
            'deleted', (SELECT COALESCE(sum(deleted), 0) FROM job_hour WHERE hour >= :since::timestamptz)
        ),
        'retrying', LEAST(retrying, {COUNT_CAP}),
        'capped', array_remove(ARRAY[{_CAPPED}], NULL),
        'missed', (SELECT count(*) FROM {MISSED} AND noticed_at >= :since::timestamptz),
        'oldest_waiting_at', {_OLDEST_WAITING_AT},
        'hours', (
            SELECT COALESCE(json_agg(to_json(job_hour) ORDER BY hour, job), '[]')
            FROM job_hour WHERE hour >= :since::timestamptz
        )
    )::text
    FROM (SELECT {_COUNTS} OFFSET 0) AS counted
"""
