"""Figures over time: what the last minute, day, week and month brought, how long it took, why it failed."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from slowmatch.db import Connection
from slowmatch.db.unchanged import unchanged
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.queries import hours
from slowmatch.jobs.queries.windows import window

TICK = timedelta(seconds=2)
TICKS = 30
REASONS = 20

_BUCKETS = """
    generate_series(
        CAST(:start AS timestamptz), CAST(:last AS timestamptz), CAST(:step AS interval)
    ) AS bucket(at)
"""
_BIN = "date_bin(CAST(:step AS interval), {at}, CAST(:start AS timestamptz))"

P = ParamSpec("P")
T = TypeVar("T")


def _remembered(
    make: Callable[Concatenate[Connection, datetime, str, P], T],
) -> Callable[Concatenate[Connection, datetime, str, P], T]:
    """Figures of a window stay as they are until something is written, or the next bucket begins."""

    @wraps(make)
    def remember(con: Connection, now: datetime, span: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (make.__name__, span, window(span, now).last, *args, *kwargs.items())
        return unchanged(con, key, lambda: make(con, now, span, *args, **kwargs))

    return remember


def realtime(con: Connection, now: datetime) -> list[dict[str, Any]]:
    """What ended in each of the last 30 complete spans of two seconds, oldest first."""
    end = datetime.fromtimestamp(int(now.timestamp()) // 2 * 2, UTC)
    ((found,),) = con.query(
        f"""
        SELECT json_agg(json_build_object(
            'at', bucket.at, 'succeeded', COALESCE(succeeded, 0), 'failed', COALESCE(failed, 0),
            'deleted', COALESCE(deleted, 0)
        ) ORDER BY bucket.at)
        FROM {_BUCKETS} LEFT JOIN (
            SELECT {_BIN.format(at="at")} AS at,
                   count(*) FILTER (WHERE to_state = 'succeeded') AS succeeded,
                   count(*) FILTER (WHERE to_state = 'failed') AS failed,
                   count(*) FILTER (WHERE to_state = 'deleted') AS deleted
            FROM job_event WHERE at >= CAST(:start AS timestamptz) AND at < CAST(:end AS timestamptz)
            GROUP BY 1
        ) AS ended USING (at)
        """,
        start=end - TICK * TICKS,
        last=end - TICK,
        step=TICK,
        end=end,
    )
    return list(found)


@_remembered
def history(con: Connection, now: datetime, span: str, job: str | None = None) -> list[dict[str, Any]]:
    """Runs that ended and attempts that are tried again, by hour (`24h`), six hours (`7d`) or day (`30d`).

    The last bucket is the present one and not `complete`. With `job` only that job's runs count.
    """
    return _series(
        con,
        now,
        span,
        f"""
        SELECT {_BIN.format(at="hour")} AS at, sum(succeeded) AS succeeded, sum(failed) AS failed,
               sum(deleted) AS deleted, sum(retried) AS retried
        FROM ({hours.TALLY}) AS tally
        WHERE CAST(:job AS text) IS NULL OR job = :job
        GROUP BY 1
        """,
        "succeeded",
        "failed",
        "deleted",
        "retried",
        job=job,
    )


@_remembered
def record_history(con: Connection, now: datetime, span: str) -> list[dict[str, Any]]:
    """Records created, expired and deleted, in the buckets of `history`."""
    return _series(
        con,
        now,
        span,
        f"""
        SELECT {_BIN.format(at="hour")} AS at, sum(created) AS created, sum(expired) AS expired, sum(deleted) AS deleted
        FROM (
            SELECT * FROM record_hour WHERE hour >= CAST(:since AS timestamptz)
            UNION ALL
            SELECT at, CASE action WHEN 'created' THEN count ELSE 0 END,
                   CASE action WHEN 'expired' THEN count ELSE 0 END,
                   CASE action WHEN 'deleted' THEN count ELSE 0 END
            FROM record_event WHERE at >= CAST(:live AS timestamptz)
        ) AS tally GROUP BY 1
        """,
        "created",
        "expired",
        "deleted",
        subject="records",
    )


@_remembered
def durations(con: Connection, now: datetime, span: str) -> dict[str, list[dict[str, Any]]]:
    """How long attempts of each job took in milliseconds, in the buckets of `history`; None where none ended.

    A bucket of several hours has the median of their medians and the highest of their 95th percentiles.
    """
    ((found,),) = con.query(
        f"""
        SELECT json_object_agg(job, series) FROM (
            SELECT wanted.job, json_agg(json_build_object(
                'at', bucket.at, 'p50_ms', round(p50_ms), 'p95_ms', round(p95_ms),
                'complete', bucket.at < CAST(:last AS timestamptz)
            ) ORDER BY bucket.at) AS series
            FROM unnest(CAST(:jobs AS text[])) AS wanted(job) CROSS JOIN {_BUCKETS} LEFT JOIN (
                SELECT job, {_BIN.format(at="hour")} AS at,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY p50_ms) AS p50_ms, max(p95_ms) AS p95_ms
                FROM (
                    SELECT job, hour, p50_ms, p95_ms FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
                    UNION ALL
                    SELECT job, CAST(:last AS timestamptz), ms[1], ms[2] FROM (
                        SELECT run.job, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
                            ORDER BY extract(epoch FROM attempt.finished_at - attempt.started_at) * 1000
                        ) AS ms
                        FROM job_attempt AS attempt JOIN job_run AS run ON run.id = attempt.run_id
                        WHERE attempt.finished_at >= GREATEST(CAST(:live AS timestamptz), CAST(:last AS timestamptz))
                        GROUP BY 1
                    ) AS live
                ) AS measured
                GROUP BY 1, 2
            ) AS binned USING (job, at)
            GROUP BY wanted.job
        ) AS series
        """,
        jobs=list(JOBS),
        **_params(con, now, span),
    )
    return dict(found)


@_remembered
def failure_reasons(con: Connection, now: datetime, span: str) -> list[dict[str, Any]]:
    """The error types that most attempts failed with, most frequent first, each with its last run.

    `last_run_id` is None when that run was purged.
    """
    params = _params(con, now, span)
    ((found,),) = con.query(
        f"""
        SELECT COALESCE(json_agg(json_build_object(
            'error_type', error_type, 'job', job, 'count', count, 'last_at', last_at,
            'last_run_id', (
                SELECT id FROM job_run WHERE id = COALESCE((
                    SELECT last_run_id FROM job_hour_error AS kept
                    WHERE kept.job = reasons.job AND kept.hour = date_trunc('hour', reasons.last_at, 'UTC')
                      AND kept.error_type = reasons.error_type AND kept.last_at = reasons.last_at
                ), CAST(live_run_id AS uuid))
            )
        ) ORDER BY count DESC, error_type, job), '[]')
        FROM (
            SELECT error_type, job, sum(count) AS count, max(last_at) AS last_at,
                   max(live_run_id COLLATE "C") AS live_run_id
            FROM (
                SELECT job, error_type, count, NULL AS live_run_id, last_at
                FROM job_hour_error WHERE hour >= CAST(:since AS timestamptz)
                UNION ALL
                SELECT run.job, attempt.error_type, 1, attempt.run_id::text, attempt.finished_at
                FROM job_attempt AS attempt JOIN job_run AS run ON run.id = attempt.run_id
                WHERE attempt.finished_at >= CAST(:live AS timestamptz) AND attempt.error_type IS NOT NULL
            ) AS failed
            GROUP BY 1, 2 ORDER BY count DESC, error_type, job LIMIT {REASONS}
        ) AS reasons
        """,
        since=params["since"],
        live=params["live"],
    )
    return list(found)


def _params(con: Connection, now: datetime, span: str, subject: str = "runs") -> dict[str, Any]:
    cut = window(span, now)
    return {**asdict(cut), **hours.since(con, now, cut.start, subject)}


def _series(
    con: Connection, now: datetime, span: str, binned: str, *names: str, subject: str = "runs", **values: Any
) -> list[dict[str, Any]]:
    shown = ", ".join(f"'{name}', COALESCE(binned.{name}, 0)" for name in names)
    ((found,),) = con.query(
        f"""
        SELECT json_agg(json_build_object(
            'at', bucket.at, {shown}, 'complete', bucket.at < CAST(:last AS timestamptz)
        ) ORDER BY bucket.at)
        FROM {_BUCKETS} LEFT JOIN ({binned}) AS binned USING (at)
        """,
        **_params(con, now, span, subject),
        **values,
    )
    return list(found)
