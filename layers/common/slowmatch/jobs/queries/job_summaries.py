"""Every job of the catalog with what a person wants to know about it at a glance."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.counts import capped, counting
from slowmatch.db.unchanged import unchanged
from slowmatch.jobs import cron
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.catalog import job as job_spec
from slowmatch.jobs.definition import Job
from slowmatch.jobs.queries import hours, schedules
from slowmatch.jobs.queries.waiting import NAMED
from slowmatch.text import to_json

FIRINGS = 5
RECENT = 20
RATED = timedelta(days=7)


def jobs(con: Connection, now: datetime) -> list[dict[str, Any]]:
    """Every job with its schedule, next firings, pause, last runs, success rate and durations of 7 days.

    `p50_ms` is the median of the hourly medians, `p95_ms` the 95th percentile of the hourly ones.
    """
    return _cards(con, list(JOBS), now)


def job_card(con: Connection, name: str, now: datetime) -> dict[str, Any]:
    """As `jobs`, for one. Raises UnknownJob."""
    (card,) = _cards(con, [job_spec(name).name], now)
    return card


def _cards(con: Connection, names: list[str], now: datetime) -> list[dict[str, Any]]:
    known = dict(unchanged(con, ("cards", *names), lambda: con.query(_KNOWN, names=to_json(names))))
    start = hours.hour_of(now - RATED)
    rates = {row[0]: row[1:] for row in unchanged(con, ("rates", start), lambda: _rates(con, now))}
    return [_card(JOBS[name], known[name], rates.get(name, [0, 0, None, None]), now) for name in names]


# A range of one name, not an equality: with that the planner hopes to meet the job soon on its way through
# the primary key, and walks through all runs for a job that has none.
_OF_JOB = "run.job BETWEEN wanted.name AND wanted.name"
_ENDED = f"""
    SELECT id, state, attempt, created_at, started_at, finished_at, error
    FROM job_run AS run WHERE {_OF_JOB} AND run.state = '{{state}}'
    ORDER BY run.job DESC, run.id DESC LIMIT {{limit}}
"""
_LATEST = " UNION ALL ".join(
    f"({_ENDED.format(state=state, limit=RECENT)})" for state in ("succeeded", "failed", "deleted")
)
_OUTCOME = " UNION ALL ".join(f"({_ENDED.format(state=state, limit=1)})" for state in ("succeeded", "failed"))
# A tick whose message came late is answered after all, and missed no more.
_KNOWN = f"""
    SELECT wanted.name, json_build_object(
        'kept', (SELECT to_jsonb(job) FROM job WHERE job.name = wanted.name),
        'last_run', (
            SELECT json_build_object('id', run.id, 'state', run.state, 'created_at', run.created_at,
                                     'started_at', run.started_at, 'finished_at', run.finished_at)
            FROM job_run AS run WHERE {_OF_JOB} ORDER BY run.job DESC, run.id DESC LIMIT 1
        ),
        'recent', (
            SELECT COALESCE(json_agg(json_build_object(
                'id', latest.id, 'state', latest.state, 'created_at', latest.created_at,
                'duration_ms', round(extract(epoch FROM
                    latest.finished_at - COALESCE(tried.started_at, latest.started_at)) * 1000)
            ) ORDER BY latest.id), '[]')
            FROM (SELECT * FROM ({_LATEST}) AS ended ORDER BY id DESC LIMIT {RECENT}) AS latest
            LEFT JOIN job_attempt AS tried ON tried.run_id = latest.id AND tried.number = latest.attempt
        ),
        'last_error', (
            SELECT CASE WHEN state = 'failed' THEN error END FROM ({_OUTCOME}) AS ended ORDER BY id DESC LIMIT 1
        ),
        'queue_depth', {counting("job_run AS run WHERE run.job = wanted.name AND run.state = 'enqueued'")},
        'missed', (
            SELECT count(*) FROM job_missed AS missed
            WHERE missed.job = wanted.name AND NOT EXISTS (
                SELECT FROM job_run AS run WHERE run.job = missed.job AND run.occurrence = missed.occurrence
            )
        )
    )
    FROM {NAMED} AS wanted(name)
"""


def _rates(con: Connection, now: datetime) -> list[list[Any]]:
    return con.query(
        f"""
        SELECT job, sum(succeeded)::integer, sum(failed)::integer,
               round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p50_ms)),
               round(percentile_cont(0.95) WITHIN GROUP (ORDER BY p95_ms))
        FROM ({hours.TALLY}) AS tally
        GROUP BY job
        """,
        **hours.since(con, now, now - RATED),
    )


def _card(spec: Job, known: dict[str, Any], rate: list[Any], now: datetime) -> dict[str, Any]:
    kept = known["kept"] or {}
    schedule = kept.get("schedule")
    fires = schedule is not None and kept.get("schedule_enabled") and not kept.get("paused_at")
    succeeded, failed, p50, p95 = rate
    depth = capped(known["queue_depth"])
    return {
        "name": spec.name,
        "description": spec.description,
        "fields": {
            name: {"type": field.kind, "description": field.description, "default": field.default}
            | {"required": field.required, "bounds": field.bounds}
            for name, field in spec.payload.items()
        },
        "exclusive": spec.exclusive,
        "overlap": spec.overlap,
        "max_attempts": spec.max_attempts,
        "scheduled": schedules.has_schedule(schedule, kept.get("schedule_history") or []),
        "role": spec.role,
        "disabled": kept.get("flaw"),
        "schedule": schedule,
        "words": cron.describe(schedule) if schedule else None,
        "schedule_enabled": kept.get("schedule_enabled"),
        "next": [at.isoformat() for at in _firings(schedule, now)] if fires and schedule else [],
        "paused": {"at": kept["paused_at"], "by": kept["paused_by"], "note": kept["pause_note"]}
        if kept.get("paused_at")
        else None,
        "last_run": known["last_run"],
        "last_error": known["last_error"],
        "recent": known["recent"],
        "missed": known["missed"],
        "success_rate": succeeded / (succeeded + failed) if succeeded + failed else None,
        "p50_ms": p50,
        "p95_ms": p95,
        "queue_depth": {"number": depth.number, "capped": depth.capped},
    }


def _firings(schedule: str, now: datetime) -> list[datetime]:
    parsed = cron.parse_or_none(schedule)
    if parsed is None:
        return []
    found: list[datetime] = []
    at = parsed.next_after(now)
    while at is not None and len(found) < FIRINGS:
        found.append(at)
        at = parsed.next_after(at)
    return found
