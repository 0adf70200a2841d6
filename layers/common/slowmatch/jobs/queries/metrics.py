"""Figures over time: how many runs ended, how long attempts took, why they failed."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.catalog import JOBS
from slowmatch.text import to_json

Subject = Literal["runs", "records"]
WINDOWS = {
    "24h": (timedelta(hours=1), 24),
    "7d": (timedelta(hours=6), 28),
    "30d": (timedelta(days=1), 30),
}
"""The time spans that charts show: the length of a bucket and how many there are."""
REALTIME_STEP = timedelta(seconds=2)
REALTIME_BUCKETS = 30
MAX_REASONS = 20
MESSAGE_CHARACTERS = 300

HOURLY_FIGURES = """
    SELECT job, hour, succeeded, failed, deleted, retried, p50_ms, p95_ms
    FROM job_hour WHERE hour >= :since::timestamptz
    UNION ALL
    SELECT run.job, date_trunc('hour', event.at, 'UTC'), (to_state = 'succeeded')::integer,
           (to_state = 'failed')::integer, (to_state = 'deleted')::integer,
           (to_state = 'scheduled')::integer, NULL, NULL
    FROM job_event AS event JOIN job_run AS run ON run.id = event.run_id
    WHERE event.at >= :live::timestamptz
      AND (to_state IN ('succeeded', 'failed', 'deleted') OR (from_state = 'processing' AND to_state = 'scheduled'))
"""
"""A row per hour and job, and one for each event since the last rollup; its parameters are those of `hours_since`."""
WAITED_MS = """percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
    ORDER BY extract(epoch FROM GREATEST(attempt.started_at - run.due_at, interval '0')) * 1000
) FILTER (WHERE attempt.number = run.attempt AND run.state NOT IN ('enqueued', 'scheduled'))
"""
"""How long runs waited from when they were due until they started. `due_at` belongs to a run's last attempt."""
_BUCKETS = "generate_series(:start::timestamptz, :last::timestamptz, :step::interval) AS bucket(at)"
_BIN = "date_bin(:step::interval, {at}, :start::timestamptz)"
_EPOCH = datetime.fromtimestamp(0, UTC)


def start_of_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def counted_to(con: Connection, now: datetime, subject: Subject = "runs") -> datetime:
    """The end of the last rollup: later events are not in the hourly figures. Without one, an hour or two ago."""
    rows = con.query("SELECT counted_to FROM roll_up WHERE subject = :subject", subject=subject)
    end: datetime = rows[0][0] if rows else start_of_hour(now) - timedelta(hours=1)
    return end


def first_counted_hour(con: Connection, subject: Subject) -> datetime | None:
    """The first hour with figures, None when there are none. Earlier hours are unknown, not zero."""
    table = "job_hour" if subject == "runs" else "record_hour"
    first: datetime | None = con.query(f"SELECT min(hour) FROM {table}")[0][0]
    return first


def hours_since(
    con: Connection, now: datetime, start: datetime, subject: Subject = "runs"
) -> dict[str, datetime]:
    """The parameters of HOURLY_FIGURES for the hours that begin at `start` or later."""
    hour = start_of_hour(start)
    return {"since": hour, "live": max(counted_to(con, now, subject), hour)}


def realtime(con: Connection, now: datetime) -> list[dict[str, Any]]:
    """Runs that ended in each of the last 30 complete spans of two seconds, oldest first."""
    end = now - (now - _EPOCH) % REALTIME_STEP
    ((found,),) = con.query(
        _REALTIME,
        start=end - REALTIME_STEP * REALTIME_BUCKETS,
        last=end - REALTIME_STEP,
        step=REALTIME_STEP,
        end=end,
    )
    return list(found)


_REALTIME = f"""
    SELECT json_agg(bucket ORDER BY at) FROM (
        SELECT at, count(*) FILTER (WHERE to_state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE to_state = 'failed') AS failed,
               count(*) FILTER (WHERE to_state = 'deleted') AS deleted
        FROM {_BUCKETS} LEFT JOIN (
            SELECT {_BIN.format(at="at")} AS at, to_state
            FROM job_event WHERE at >= :start::timestamptz AND at < :end::timestamptz
        ) AS binned USING (at)
        GROUP BY at
    ) AS bucket
"""


def history(con: Connection, now: datetime, span: str, job: str | None = None) -> list[dict[str, Any]]:
    """Runs that ended and attempts that are retried, by hour (`24h`), six hours (`7d`) or day (`30d`).

    The last bucket is the current one and not `complete`. With `job`, only that job's runs count.
    """
    return list(_over_time(con, now, span, _HISTORY, job=job))


_HISTORY = f"""
    SELECT json_agg(bucket ORDER BY at) FROM (
        SELECT at, COALESCE(sum(succeeded), 0) AS succeeded, COALESCE(sum(failed), 0) AS failed,
               COALESCE(sum(deleted), 0) AS deleted, COALESCE(sum(retried), 0) AS retried,
               at + :step::interval AS until, at < :last::timestamptz AS complete
        FROM {_BUCKETS} LEFT JOIN (
            SELECT {_BIN.format(at="hour")} AS at, hourly.* FROM ({HOURLY_FIGURES}) AS hourly
            WHERE :job::text IS NULL OR job = :job
        ) AS binned USING (at)
        GROUP BY at
    ) AS bucket
"""


def record_history(con: Connection, now: datetime, span: str) -> list[dict[str, Any]]:
    """Records created, expired and deleted, in the buckets of `history`."""
    return list(_over_time(con, now, span, _RECORD_HISTORY, subject="records"))


_RECORD_HISTORY = f"""
    SELECT json_agg(bucket ORDER BY at) FROM (
        SELECT at, COALESCE(sum(created), 0) AS created, COALESCE(sum(expired), 0) AS expired,
               COALESCE(sum(deleted), 0) AS deleted, at < :last::timestamptz AS complete
        FROM {_BUCKETS} LEFT JOIN (
            SELECT {_BIN.format(at="hour")} AS at, created, expired, deleted
            FROM record_hour WHERE hour >= :since::timestamptz
            UNION ALL
            SELECT {_BIN.format(at="at")}, CASE action WHEN 'created' THEN count END,
                   CASE action WHEN 'expired' THEN count END, CASE action WHEN 'deleted' THEN count END
            FROM record_event WHERE at >= :live::timestamptz
        ) AS binned USING (at)
        GROUP BY at
    ) AS bucket
"""


def durations(con: Connection, now: datetime, span: str) -> dict[str, list[dict[str, Any]]]:
    """Durations of each job's attempts, and how long its runs waited, in milliseconds, in the buckets of `history`.

    None where none ended. A bucket of several hours has the median of their medians and the highest of their 95th
    percentiles.
    """
    return dict(_over_time(con, now, span, _DURATIONS, jobs=to_json(list(JOBS))))


_DURATIONS = f"""
    SELECT json_object_agg(job, series) FROM (
        SELECT job, json_agg(json_build_object(
            'at', at, 'until', at + :step::interval, 'complete', at < :last::timestamptz,
            'p50_ms', round(p50_ms), 'p95_ms', round(p95_ms),
            'wait_p50_ms', round(wait_p50_ms), 'wait_p95_ms', round(wait_p95_ms)
        ) ORDER BY at) AS series
        FROM jsonb_array_elements_text(:jobs::jsonb) AS wanted(job) CROSS JOIN {_BUCKETS} LEFT JOIN (
            SELECT job, {_BIN.format(at="hour")} AS at,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY p50_ms) AS p50_ms, max(p95_ms) AS p95_ms,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY wait_p50_ms) AS wait_p50_ms,
                   max(wait_p95_ms) AS wait_p95_ms
            FROM (
                SELECT job, hour, p50_ms, p95_ms, wait_p50_ms, wait_p95_ms
                FROM job_hour WHERE hour >= :since::timestamptz
                UNION ALL
                SELECT job, :last::timestamptz, ms[1], ms[2], waited_ms[1], waited_ms[2] FROM (
                    SELECT run.job, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
                        ORDER BY extract(epoch FROM attempt.finished_at - attempt.started_at) * 1000
                    ) AS ms, {WAITED_MS} AS waited_ms
                    FROM job_attempt AS attempt JOIN job_run AS run ON run.id = attempt.run_id
                    WHERE attempt.finished_at >= GREATEST(:live::timestamptz, :last::timestamptz)
                    GROUP BY 1
                ) AS live
            ) AS measured
            GROUP BY 1, 2
        ) AS binned USING (job, at)
        GROUP BY job
    ) AS series
"""


def failure_reasons(
    con: Connection, now: datetime, span: str, job: str | None = None
) -> list[dict[str, Any]]:
    """The most frequent error types of failed attempts, of all jobs or of one, each with its last run and message.

    `last_run_id` and `message` are None when that run was purged.
    """
    return list(_over_time(con, now, span, _FAILURE_REASONS, job=job))


_FAILURE_REASONS = f"""
    SELECT COALESCE(json_agg(json_build_object(
        'error_type', error_type, 'job', reasons.job, 'count', count, 'last_at', last_at, 'last_run_id', run.id,
        'message', (
            SELECT left(error_message, {MESSAGE_CHARACTERS}) FROM job_attempt AS attempt
            WHERE attempt.run_id = run.id AND attempt.error_type = reasons.error_type
            ORDER BY number DESC LIMIT 1
        )
    ) ORDER BY count DESC, error_type, reasons.job), '[]')
    FROM (
        SELECT error_type, job, sum(count) AS count, max(last_at) AS last_at,
               max(live_run_id COLLATE "C") AS live_run_id
        FROM (
            SELECT job, error_type, count, NULL AS live_run_id, last_at
            FROM job_hour_error WHERE hour >= :since::timestamptz
            UNION ALL
            SELECT run.job, attempt.error_type, 1, attempt.run_id::text, attempt.finished_at
            FROM job_attempt AS attempt JOIN job_run AS run ON run.id = attempt.run_id
            WHERE attempt.finished_at >= :live::timestamptz AND attempt.error_type IS NOT NULL
        ) AS failed
        WHERE :job::text IS NULL OR job = :job
        GROUP BY 1, 2 ORDER BY count DESC, error_type, job LIMIT {MAX_REASONS}
    ) AS reasons LEFT JOIN job_run AS run ON run.id = COALESCE((
        SELECT last_run_id FROM job_hour_error AS kept
        WHERE kept.job = reasons.job AND kept.hour = date_trunc('hour', reasons.last_at, 'UTC')
          AND kept.error_type = reasons.error_type AND kept.last_at = reasons.last_at
    ), CAST(live_run_id AS uuid))
"""


def _over_time(
    con: Connection, now: datetime, span: str, statement: str, subject: Subject = "runs", **values: str | None
) -> Any:
    """What `statement` finds in a span of WINDOWS: buckets [start, start + step), ..., aligned to UTC.

    It is kept until something is written or the next bucket begins. The bucket that starts at `last` is not over yet.
    """
    step, number = WINDOWS[span]
    last = now - (now - _EPOCH) % step
    start = last - step * (number - 1)

    def find() -> Any:
        hours = hours_since(con, now, start, subject)
        return con.query(statement, start=start, last=last, step=step, **hours, **values)[0][0]

    return cached(con, (statement, start, *values.values()), find)
