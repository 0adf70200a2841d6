"""The audit log: what people did to runs, schedules and records, newest first."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached

MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""Some moments are by PostgreSQL's clock, some by a function's: what just happened may lie in the future."""


class AuditPage(NamedTuple):
    """Some actions, and the cursor of the next page, None at the end."""

    items: list[dict[str, Any]]
    next: str | None


# A bulk action is one row, however many runs it changed. `key` orders what happened at the same moment.
_AUDIT_LOG = """
    WITH runs AS (
        SELECT event.at, ('run:' || reason || ':' || actor) COLLATE "C" AS key, actor,
               CASE reason WHEN 'requeue' THEN 'requeued' WHEN 'run-now' THEN 'run now' WHEN 'delete' THEN 'deleted'
                           ELSE 'created' END AS action,
               'run' AS kind, count(*) AS count, (array_agg(run_id))[1] AS run_id
        FROM job_event AS event
        WHERE reason IN ('created by api', 'created by console', 'requeue', 'run-now', 'delete')
          AND event.at <= :at::timestamptz
          AND (event.at, ('run:' || reason || ':' || actor) COLLATE "C")
              < (:at::timestamptz, :key::text)
        GROUP BY event.at, reason, actor
        ORDER BY event.at DESC, key DESC LIMIT :limit::integer + 1
    ), schedules AS (
        SELECT at, ('job:' || lpad(id::text, 20, '0')) COLLATE "C" AS key, actor, action, job, note
        FROM schedule_event
        WHERE at <= :at::timestamptz
          AND (at, ('job:' || lpad(id::text, 20, '0')) COLLATE "C") < (:at::timestamptz, :key::text)
        ORDER BY at DESC, id DESC LIMIT :limit::integer + 1
    ), records AS (
        SELECT at, ('record:' || lpad(id::text, 20, '0')) COLLATE "C" AS key, actor, action, record_id, detail
        FROM record_event
        WHERE record_id IS NOT NULL AND bulk_action_id IS NULL AND at <= :at::timestamptz
          AND (at, ('record:' || lpad(id::text, 20, '0')) COLLATE "C") < (:at::timestamptz, :key::text)
        ORDER BY at DESC, id DESC LIMIT :limit::integer + 1
    ), record_bulk_actions AS (
        SELECT started_at AS at, ('records:' || id) COLLATE "C" AS key, actor, action, done, target
        FROM record_bulk_action
        WHERE started_at <= :at::timestamptz
          AND (started_at, ('records:' || id) COLLATE "C") < (:at::timestamptz, :key::text)
        ORDER BY started_at DESC, key DESC LIMIT :limit::integer + 1
    ), together AS (
        SELECT at, key, actor, action, kind, runs.count, CASE WHEN runs.count = 1 THEN run_id::text END AS id,
               CASE WHEN runs.count = 1 THEN job END AS label, NULL AS detail
        FROM runs LEFT JOIN job_run ON job_run.id = runs.run_id
        UNION ALL
        SELECT at, key, actor, action, 'job', 1, job, job, note FROM schedules
        UNION ALL
        SELECT at, key, actor, action, 'record', 1, record_id::text, detail ->> 'title',
               (SELECT string_agg(replace(name, '_', ' '), ' and ' ORDER BY name DESC)
                FROM jsonb_object_keys(detail -> 'before') AS name)
        FROM records
        UNION ALL
        SELECT at, key, actor, action, 'records', done, NULL, NULL, target FROM record_bulk_actions
    ), page AS (
        SELECT *, row_number() OVER (ORDER BY at DESC, key DESC) AS place FROM together
    )
    SELECT COALESCE(json_agg(json_build_object(
               'at', at, 'actor', actor, 'action', action, 'kind', kind, 'id', id, 'label', label,
               'detail', detail, 'count', count
           ) ORDER BY place) FILTER (WHERE place <= :limit::integer), '[]'),
           max(at) FILTER (WHERE place = :limit::integer),
           max(key) FILTER (WHERE place = :limit::integer),
           count(*) > :limit::integer
    FROM page
"""


def page(con: Connection, before: str | None, limit: int) -> AuditPage:
    """Up to `limit` actions before the cursor `before`, the `next` of an earlier page.

    `detail` is the note of a pause, or which fields of a record changed. An action on many runs has
    their `count` and neither id nor label. Raises ValueError for an invalid cursor.
    """

    def read() -> AuditPage:
        at, key = _parse_cursor(before) if before else (con.now() + MAX_CLOCK_DIFFERENCE, "~")
        ((items, last_at, last_key, more),) = con.query(_AUDIT_LOG, at=at, key=key, limit=limit)
        return AuditPage(items, f"{last_at.isoformat()} {last_key}" if more else None)

    return cached(con, ("audit log", before, limit), read)


def _parse_cursor(text: str) -> tuple[datetime, str]:
    at, separator, key = text.partition(" ")
    moment = datetime.fromisoformat(at)
    if not separator or moment.tzinfo is None or "\0" in key:
        raise ValueError(f"{text!r} is not a cursor of the audit log")
    try:
        return moment.astimezone(UTC), key
    except OverflowError as error:
        raise ValueError(f"{at} is out of range") from error
