"""The facts about the health of jobs, on which `warnings` are based, and the figures of GET /api/stats.

Facts hold moments, not ages: an age would change at every look, and with it the ETag of a page.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP, CappedCount, count_up_to_cap
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.jobs.model import JsonRow
from slowmatch.jobs.queries.failing import failing_jobs
from slowmatch.jobs.queries.failure_groups import FailingJob
from slowmatch.jobs.queries.job_summaries import MISSED, Paused
from slowmatch.notifications.publishing import NotificationProblem, find_problems
from slowmatch.text import to_json

SILENCE = timedelta(minutes=5)
"""So long may work wait without any worker claiming a run."""
DISPATCHER_LATE = timedelta(minutes=12)
"""The dispatcher passes every five minutes: two passes in a row are missing, or failed at the same thing."""
NOT_IN_FORCE_LATE = timedelta(minutes=10)
"""So long a schedule may wait for EventBridge Scheduler: two passes of the dispatcher."""
NAMED_SCHEDULES = 3
"""So many of those that wait longer are named."""
KEPT_SECONDS = 5
"""Maximum staleness of values that change only with time."""


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

    def is_late(self, now: datetime) -> bool:
        return self.at is None or now - self.at >= DISPATCHER_LATE


@dataclass(frozen=True, slots=True)
class PausedJob(Paused):
    job: str


@dataclass(frozen=True, slots=True)
class SchedulesNotInForce:
    """How many schedules EventBridge Scheduler does not have as they are, and why it refused the oldest, by name."""

    number: int
    reasons: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """`silent_since` is the last claim of any worker if nothing was claimed for SILENCE, although work that nothing
    blocks waited for that long. `waiting_for_removed_jobs` counts the runs of jobs that are not in the catalog.
    `disabled_jobs` says why jobs cannot run. `missed_schedules` names those made at run time among the missed ones.
    """

    failing: list[FailingJob]
    failed_24h: CappedCount
    retrying: CappedCount
    missed_24h: int
    missed_schedules: list[str]
    oldest_waiting_at: datetime | None
    silent_since: datetime | None
    paused_jobs: list[PausedJob]
    dispatcher: DispatcherPass
    waiting_for_removed_jobs: dict[str, CappedCount]
    disabled_jobs: dict[str, str]
    not_in_force: SchedulesNotInForce
    notifications: list[NotificationProblem]


def facts(con: Connection, now: datetime) -> Facts:
    """The facts, at most KEPT_SECONDS old."""
    moment = int(now.timestamp()) // KEPT_SECONDS
    return cached(con, ("facts", moment), lambda: _facts(con, now))


def _facts(con: Connection, now: datetime) -> Facts:
    ((failed, retrying, missed, missed_schedules, oldest_waiting_at, silent_since),) = con.query(
        _FACTS,
        now=now,
        since=now - timedelta(days=1),
        late=now - SILENCE,
        names=to_json(list(JOBS)),
    )
    return Facts(
        failing=failing_jobs(con, now),
        failed_24h=CappedCount.of(failed),
        retrying=CappedCount.of(retrying),
        missed_24h=missed,
        missed_schedules=missed_schedules,
        oldest_waiting_at=oldest_waiting_at,
        silent_since=silent_since,
        paused_jobs=[PausedJob(*row) for row in con.query(_PAUSED_JOBS)],
        dispatcher=last_pass(con),
        waiting_for_removed_jobs=waiting_for_removed_jobs(con),
        disabled_jobs=disabled_jobs(con),
        not_in_force=schedules_not_in_force(con, now),
        notifications=list(find_problems(con, now)),
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
           ARRAY(
               SELECT DISTINCT schedule FROM {MISSED} AND noticed_at >= :since::timestamptz AND schedule <> ''
               ORDER BY schedule
           ),
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


def schedules_not_in_force(con: Connection, now: datetime) -> SchedulesNotInForce:
    """The schedules that were changed more than NOT_IN_FORCE_LATE ago, and are not in force."""
    rows = con.query(
        """
        SELECT name, sync_error, count(*) OVER () FROM job_schedule
        WHERE in_force IS DISTINCT FROM version AND changed_at <= :late::timestamptz
        ORDER BY changed_at, name LIMIT :named::integer
        """,
        late=now - NOT_IN_FORCE_LATE,
        named=NAMED_SCHEDULES,
    )
    return SchedulesNotInForce(rows[0][2] if rows else 0, {name: reason for name, reason, _ in rows})


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
