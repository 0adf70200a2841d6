"""Runs as people see them: one with all that is known about it, and lists."""

from typing import Any, NamedTuple

from slowmatch.db import Connection
from slowmatch.db.room import room
from slowmatch.db.unchanged import unchanged
from slowmatch.jobs.changes import BULK, ELIGIBLE, FINAL, Changed, bulk_count, change
from slowmatch.jobs.filters import RunFilter

__all__ = [
    "BULK",
    "ELIGIBLE",
    "FINAL",
    "LOG_LINES",
    "Changed",
    "bulk_count",
    "change",
    "describe",
    "details",
    "find",
    "get",
    "page",
]

LOG_LINES = 1_000
"""The last lines of a run's log that are read unless fewer are asked for."""

_FIELDS = """
    'id', run.id, 'job', run.job, 'state', run.state, 'payload', run.payload, 'trigger', run.trigger,
    'triggered_by', run.triggered_by, 'occurrence', run.occurrence, 'attempt', run.attempt,
    'failures', run.failures, 'max_attempts', run.max_attempts, 'due_at', run.due_at,
    'lease_until', run.lease_until, 'created_at', run.created_at, 'started_at', run.started_at,
    'finished_at', run.finished_at, 'progress', run.progress, 'result', run.result, 'error', run.error
"""
_RUN = f"json_build_object({_FIELDS})"


def find(con: Connection, run_id: str) -> dict[str, Any] | None:
    """The run, or None."""
    rows = con.query(f"SELECT {_RUN} FROM job_run AS run WHERE id = CAST(:id AS uuid)", id=run_id)
    return rows[0][0] if rows else None


def get(con: Connection, run_id: str) -> dict[str, Any]:
    """The run, which is there. Raises LookupError."""
    run = find(con, run_id)
    if run is None:
        raise LookupError(f"there is no run {run_id}")
    return run


def describe(con: Connection, run_id: str) -> str:
    """Why a run cannot be claimed, in words."""
    run = find(con, run_id)
    if run is None:
        return "there is no such run"
    return f"the run of {run['job']} is {run['state']}, attempt {run['attempt']}, due {run['due_at']}"


def details(con: Connection, run_id: str, log_lines: int = LOG_LINES) -> str | None:
    """The run with its attempts, events and the last `log_lines` of its log, as JSON text.

    `log_earlier` is the number of lines before those.
    """
    return unchanged(con, ("details", run_id, log_lines), lambda: _details(con, run_id, log_lines))


# Lines are put together as json: jsonb takes twice as long for a long log.
def _details(con: Connection, run_id: str, log_lines: int) -> str | None:
    rows = con.query(
        f"""
        SELECT json_build_object({_FIELDS},
            'attempts', (
                SELECT COALESCE(jsonb_agg(to_jsonb(tried) - 'run_id' ORDER BY tried.number), '[]')
                FROM job_attempt AS tried WHERE tried.run_id = run.id
            ),
            'events', (
                SELECT COALESCE(jsonb_agg(to_jsonb(event) - 'run_id' ORDER BY event.id), '[]')
                FROM job_event AS event WHERE run_id = run.id
            ),
            'log', (
                SELECT COALESCE(json_agg(json_build_object(
                    'id', line.id, 'attempt', line.attempt, 'at', line.at,
                    'level', line.level, 'message', line.message
                ) ORDER BY line.id), '[]')
                FROM (
                    SELECT * FROM job_log WHERE run_id = run.id
                    ORDER BY id DESC LIMIT CAST(:log_lines AS integer)
                ) AS line
            ),
            'log_earlier', (
                SELECT greatest(count(*) - CAST(:log_lines AS integer), 0) FROM job_log WHERE run_id = run.id
            )
        )::text
        FROM job_run AS run WHERE id = CAST(:id AS uuid)
        """,
        id=run_id,
        log_lines=log_lines,
    )
    return rows[0][0] if rows else None


class _Page(NamedTuple):
    items: str
    last: str | None
    number: int


def page(con: Connection, wanted: RunFilter, before: str | None, limit: int) -> tuple[str, str | None]:
    """One page, newest first, as JSON text, and the id to go on before (None at the end)."""
    found = unchanged(con, ("page", wanted, before, limit), lambda: _found(con, wanted, before, limit))
    return found.items, found.last


def _found(con: Connection, wanted: RunFilter, before: str | None, limit: int) -> _Page:
    where, params = wanted.where()
    if before is not None:
        where += " AND run.id < CAST(:before AS uuid)"
        params["before"] = before
    search = wanted.search(params)
    if search is None:
        return _page(con, f"job_run AS run WHERE {where}", limit, params)
    one_by_one = wanted.search(params, one_by_one=True)
    for walked in (WALKED, FAR):
        first = f"(SELECT * FROM job_run AS run WHERE {where} ORDER BY id DESC LIMIT {walked}) AS run"
        found = _page(con, f"{first} WHERE {one_by_one}", limit, params)
        if found.last is not None:
            return found
        if found.number * FAR <= limit * walked:
            break
    collected = f"(SELECT * FROM job_run AS run WHERE {where} AND {search} OFFSET 0) AS run"
    with room(con):
        return _page(con, collected, limit, params)


# How often a word occurs shows in the newest runs. They fill the page of a common one; where as many turned up as
# promise a page, a longer walk fills it; the rest is rare enough to be collected through the indexes of words.
WALKED, FAR = 2_000, 50_000
LONGEST = 500


# The constant limit lets PostgreSQL keep its plan: with none but a parameter it would plan for every page.
def _page(con: Connection, source: str, limit: int, params: dict[str, Any]) -> _Page:
    limit = min(limit, LONGEST)
    ((items, number, last),) = con.query(
        f"""
        WITH found AS (
            SELECT * FROM (SELECT run.* FROM {source} ORDER BY id DESC LIMIT {LONGEST + 1}) AS ordered
            LIMIT CAST(:limit AS integer) + 1
        ), shown AS (
            SELECT * FROM found ORDER BY id DESC LIMIT CAST(:limit AS integer)
        )
        SELECT COALESCE(json_agg({_RUN} ORDER BY run.id DESC), '[]')::text, (SELECT count(*) FROM found),
               (SELECT id::text FROM shown ORDER BY id LIMIT 1)
        FROM shown AS run
        """,
        limit=limit,
        **params,
    )
    return _Page(items, last if number > limit else None, number)
