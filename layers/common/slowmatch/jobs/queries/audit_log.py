"""What people did, newest first: to runs, to schedules, to records."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from slowmatch.db import Connection
from slowmatch.db.unchanged import unchanged

CLOCKS = timedelta(minutes=1)
"""Some moments are PostgreSQL's, some a function's: what happened just now may seem to be to come."""


class Activity(NamedTuple):
    """Some actions, and the mark to go on before, None at the end."""

    items: list[dict[str, Any]]
    next: str | None


# One bulk action is one row, however many runs it changed. `key` orders what happened at the same moment.
_ACTIVITY = """
    WITH runs AS (
        SELECT event.at, ('run:' || reason || ':' || actor) COLLATE "C" AS key, actor,
               CASE reason WHEN 'requeue' THEN 'requeued' WHEN 'run-now' THEN 'run now' WHEN 'delete' THEN 'deleted'
                           ELSE 'created' END AS action,
               'run' AS kind, count(*) AS count, (array_agg(run_id))[1] AS run_id
        FROM job_event AS event
        WHERE reason IN ('created by api', 'created by console', 'requeue', 'run-now', 'delete')
          AND event.at <= CAST(:at AS timestamptz)
          AND (event.at, ('run:' || reason || ':' || actor) COLLATE "C")
              < (CAST(:at AS timestamptz), CAST(:key AS text))
        GROUP BY event.at, reason, actor
        ORDER BY event.at DESC, key DESC LIMIT CAST(:limit AS integer) + 1
    ), schedules AS (
        SELECT at, ('job:' || lpad(id::text, 20, '0')) COLLATE "C" AS key, actor, action, job, note
        FROM schedule_event
        WHERE at <= CAST(:at AS timestamptz)
          AND (at, ('job:' || lpad(id::text, 20, '0')) COLLATE "C") < (CAST(:at AS timestamptz), CAST(:key AS text))
        ORDER BY at DESC, id DESC LIMIT CAST(:limit AS integer) + 1
    ), records AS (
        SELECT at, ('record:' || lpad(id::text, 20, '0')) COLLATE "C" AS key, actor, action, record_id, detail
        FROM record_event
        WHERE record_id IS NOT NULL AND at <= CAST(:at AS timestamptz)
          AND (at, ('record:' || lpad(id::text, 20, '0')) COLLATE "C") < (CAST(:at AS timestamptz), CAST(:key AS text))
        ORDER BY at DESC, id DESC LIMIT CAST(:limit AS integer) + 1
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
    ), page AS (
        SELECT *, row_number() OVER (ORDER BY at DESC, key DESC) AS place FROM together
    )
    SELECT COALESCE(json_agg(json_build_object(
               'at', at, 'actor', actor, 'action', action, 'kind', kind, 'id', id, 'label', label,
               'detail', detail, 'count', count
           ) ORDER BY place) FILTER (WHERE place <= CAST(:limit AS integer)), '[]'),
           max(at) FILTER (WHERE place = CAST(:limit AS integer)),
           max(key) FILTER (WHERE place = CAST(:limit AS integer)),
           count(*) > CAST(:limit AS integer)
    FROM page
"""


def activity(con: Connection, before: str | None, limit: int) -> Activity:
    """Up to `limit` actions, before the mark that an earlier page gave as `next`.

    `detail` is the note of a pause, or which fields of a record changed. An action on many runs has
    their `count` and neither id nor label. Raises ValueError for a mark that is none.
    """
    return unchanged(con, ("activity", before, limit), lambda: _activity(con, before, limit))


def _activity(con: Connection, before: str | None, limit: int) -> Activity:
    at, key = _mark(before) if before else (con.now() + CLOCKS, "~")
    ((items, last_at, last_key, more),) = con.query(_ACTIVITY, at=at, key=key, limit=limit)
    return Activity(items, f"{last_at.isoformat()} {last_key}" if more else None)


def _mark(text: str) -> tuple[datetime, str]:
    at, separator, key = text.partition(" ")
    moment = datetime.fromisoformat(at)
    if not separator or moment.tzinfo is None or "\0" in key:
        raise ValueError(f"{text!r} is not the `next` of a page of activity")
    try:
        return moment.astimezone(UTC), key
    except OverflowError as error:
        raise ValueError(f"{at} is not in the years that there are") from error
