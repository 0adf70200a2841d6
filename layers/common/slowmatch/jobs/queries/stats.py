"""Figures for the API's statistics and health."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.db.counts import CAP, counting
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.queries.waiting import NAMED
from slowmatch.text import to_json

MISSED = """(
        SELECT count(*) FROM job_missed AS missed
        WHERE noticed_at >= CAST(:since AS timestamptz) AND NOT EXISTS (
            SELECT FROM job_run AS run WHERE run.job = missed.job AND run.occurrence = missed.occurrence
        )
    )"""
OLDEST_WAITING_AT = f"""(
        SELECT min(oldest.due_at) FROM {NAMED} AS wanted(name), LATERAL (
            SELECT due_at FROM job_run
            WHERE job = wanted.name AND state IN ('enqueued', 'scheduled') AND due_at <= CAST(:now AS timestamptz)
            ORDER BY due_at LIMIT 1
        ) AS oldest
    )"""
"""Of the jobs in :names, which are those of the catalog: a run of a removed job waits for ever."""

_WHICH = {
    "enqueued": "state = 'enqueued'",
    "scheduled": "state = 'scheduled'",
    "processing": "state = 'processing'",
    "failed": "state = 'failed'",
    "retrying": "state = 'scheduled' AND failures > 0",
}
_NUMBERS = ", ".join(
    f"{counting(f'job_run WHERE {which} ORDER BY id')} AS {name}" for name, which in _WHICH.items()
)
_MORE = ", ".join(f"CASE WHEN {name} > {CAP} THEN '{name}' END" for name in _WHICH)
_STATS = f"""
    SELECT json_build_object(
        'at', CAST(:now AS timestamptz),
        'states', json_build_object(
            'enqueued', LEAST(enqueued, {CAP}),
            'scheduled', LEAST(scheduled, {CAP}),
            'processing', LEAST(processing, {CAP}),
            'failed', LEAST(failed, {CAP}),
            'succeeded', (
                SELECT COALESCE(sum(succeeded), 0) FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
            ),
            'deleted', (SELECT COALESCE(sum(deleted), 0) FROM job_hour WHERE hour >= CAST(:since AS timestamptz))
        ),
        'retrying', LEAST(retrying, {CAP}),
        'capped', array_remove(ARRAY[{_MORE}], NULL),
        'missed', {MISSED},
        'oldest_waiting_at', {OLDEST_WAITING_AT},
        'hours', (
            SELECT COALESCE(json_agg(to_json(job_hour) ORDER BY hour, job), '[]')
            FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
        )
    )::text
    FROM (SELECT {_NUMBERS} OFFSET 0) AS counted
"""


def stats(con: Connection, now: datetime, hours: int) -> str:
    """Counts by state and hourly figures of the last `hours`, as JSON text.

    `succeeded` and `deleted` count the last `hours` by the roll-up; the other states and `retrying` are
    counted as they are, up to CAP: `capped` names those of which there are more.
    """
    ((text,),) = con.query(_STATS, now=now, since=now - timedelta(hours=hours), names=to_json(list(JOBS)))
    return str(text)


@dataclass(frozen=True, slots=True)
class DispatcherTick:
    """The dispatcher's last pass: when it ended, and the duties that failed: their `problem`, and `since` when."""

    at: datetime | None = None
    failing: dict[str, dict[str, str]] = field(default_factory=dict)


def dispatcher_tick(con: Connection) -> DispatcherTick:
    rows = con.query("SELECT finished_at, failing FROM dispatcher_tick")
    return DispatcherTick(*rows[0]) if rows else DispatcherTick()
