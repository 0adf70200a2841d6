"""The audit log: what people did to runs, schedules, failures and records, newest first."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.lifecycle.bulk_actions import BulkAction

MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""Some moments are by PostgreSQL's clock, some by a function's: what just happened may lie in the future."""


class AuditPage(NamedTuple):
    """Some actions, and the cursor of the next page, None at the end."""

    items: list[dict[str, Any]]
    next: str | None


# A bulk action is one row, however many runs it changed, and so is a call of the API that changes many. `key` orders
# what happened at the same moment.
_AUDIT_LOG = """
    WITH runs AS (
        SELECT event.at, ('run:' || act || ':' || actor) COLLATE "C" AS key, actor,
               CASE act WHEN 'requeue' THEN 'retried' WHEN 'run-now' THEN 'run now' WHEN 'delete' THEN 'deleted'
                        WHEN 'stop' THEN 'stopped' ELSE 'created' END AS action,
               'run' AS kind, count(*) AS count, (array_agg(run_id))[1] AS run_id
        FROM (
            SELECT *, CASE WHEN (reason, from_state) = ('delete', 'processing') THEN 'stop' ELSE reason END AS act
            FROM job_event
        ) AS event
        WHERE reason IN ('created by api', 'created by console', 'requeue', 'run-now', 'delete')
          AND event.at <= :at::timestamptz
          AND (event.at, ('run:' || act || ':' || actor) COLLATE "C")
              < (:at::timestamptz, :key::text)
        GROUP BY event.at, act, actor
        ORDER BY event.at DESC, key DESC LIMIT :limit::integer + 1
    ), bulk_actions AS (
        SELECT started_at AS at, ('bulk:' || id) COLLATE "C" AS key, actor,
               CASE action WHEN 'requeue' THEN 'retried' WHEN 'run-now' THEN 'run now' ELSE 'deleted' END AS action,
               done, id, to_jsonb(bulk_action) - 'last_run_id' AS bulk
        FROM bulk_action
        WHERE started_at <= :at::timestamptz
          AND (started_at, ('bulk:' || id) COLLATE "C") < (:at::timestamptz, :key::text)
        ORDER BY started_at DESC, key DESC LIMIT :limit::integer + 1
    ), schedules AS (
        SELECT at, ('job:' || lpad(id::text, 20, '0')) COLLATE "C" AS key, actor, action, job, note
        FROM schedule_event
        WHERE at <= :at::timestamptz
          AND (at, ('job:' || lpad(id::text, 20, '0')) COLLATE "C") < (:at::timestamptz, :key::text)
        ORDER BY at DESC, id DESC LIMIT :limit::integer + 1
    ), made_schedules AS (
        SELECT at, ('schedule:' || lpad(id::text, 20, '0')) COLLATE "C" AS key, actor, action, name, before, after
        FROM job_schedule_event
        WHERE at <= :at::timestamptz
          AND (at, ('schedule:' || lpad(id::text, 20, '0')) COLLATE "C") < (:at::timestamptz, :key::text)
        ORDER BY at DESC, id DESC LIMIT :limit::integer + 1
    ), failures AS (
        SELECT at, ('failure:' || lpad(id::text, 20, '0')) COLLATE "C" AS key, actor, action, job,
               concat_ws(': ', error_type, note) AS note
        FROM failure_event
        WHERE at <= :at::timestamptz
          AND (at, ('failure:' || lpad(id::text, 20, '0')) COLLATE "C") < (:at::timestamptz, :key::text)
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
               CASE WHEN runs.count = 1 THEN job END AS label, NULL AS detail,
               CASE WHEN runs.count = 1 THEN NULLIF(schedule, '') END AS schedule,
               NULL::jsonb AS bulk, NULL::jsonb AS before, NULL::jsonb AS after
        FROM runs LEFT JOIN job_run ON job_run.id = runs.run_id
        UNION ALL
        SELECT at, key, actor, action, 'bulk', done, id::text, NULL, NULL, NULL, bulk, NULL, NULL FROM bulk_actions
        UNION ALL
        SELECT at, key, actor, action, 'job', 1, job, job, note, NULL, NULL, NULL, NULL FROM schedules
        UNION ALL
        SELECT at, key, actor, action, 'schedule', 1, name, name, NULL, NULL, NULL, before, after
        FROM made_schedules
        UNION ALL
        SELECT at, key, actor, action, 'failure', 1, job, job, note, NULL, NULL, NULL, NULL FROM failures
        UNION ALL
        SELECT at, key, actor, action, 'record', 1, record_id::text, detail ->> 'title',
               (SELECT string_agg(replace(name, '_', ' '), ' and ' ORDER BY name DESC)
                FROM jsonb_object_keys(detail -> 'before') AS name), NULL, NULL, NULL, NULL
        FROM records
        UNION ALL
        SELECT at, key, actor, action, 'records', done, NULL, NULL, target, NULL, NULL, NULL, NULL
        FROM record_bulk_actions
    ), page AS (
        SELECT *, row_number() OVER (ORDER BY at DESC, key DESC) AS place FROM together
    )
    SELECT COALESCE(json_agg(json_build_object(
               'at', at, 'actor', actor, 'action', action, 'kind', kind, 'id', id, 'label', label,
               'detail', detail, 'schedule', schedule, 'count', count, 'bulk', bulk, 'before', before, 'after', after
           ) ORDER BY place) FILTER (WHERE place <= :limit::integer), '[]'),
           max(at) FILTER (WHERE place = :limit::integer),
           max(key) FILTER (WHERE place = :limit::integer),
           count(*) > :limit::integer
    FROM page
"""


def page(con: Connection, before: str | None, limit: int) -> AuditPage:
    """Up to `limit` actions before the cursor `before`, the `next` of an earlier page.

    `detail` is the note of a pause or a mute, the failure that was acknowledged, or which fields of a record changed.
    A schedule that was made at run time has what people chose in `before` and `after`, and a run of it has its name in
    `schedule`.
    An action on many runs has their `count` and neither id nor label. A bulk action has its row, a BulkAction, in
    `bulk`. Raises ValueError for an invalid cursor.
    """

    def read() -> AuditPage:
        at, key = _parse_cursor(before) if before else (con.now() + MAX_CLOCK_DIFFERENCE, "~")
        ((items, last_at, last_key, more),) = con.query(_AUDIT_LOG, at=at, key=key, limit=limit)
        for item in items:
            item["bulk"] = item["bulk"] and BulkAction.from_json(item["bulk"])
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
