"""Runs as people see them: one by one, and in lists."""

from typing import Any, NamedTuple

from slowmatch.db import Connection
from slowmatch.db.text_search import with_work_mem
from slowmatch.db.unchanged import unchanged
from slowmatch.jobs.definition import MAX_JSON_BYTES
from slowmatch.jobs.lifecycle.actions import BULK, ELIGIBLE, FINAL, Changed, bulk_count, change
from slowmatch.jobs.run_filter import RunFilter

__all__ = [
    "BULK",
    "ELIGIBLE",
    "FINAL",
    "RUN_FIELDS",
    "Changed",
    "bulk_count",
    "change",
    "describe",
    "find",
    "get",
    "page",
]

LISTED_ERROR = 1_000
"""Characters of an error that a list has; the run itself has all of it."""

# Progress is a few numbers. Before that was checked, a handler could report anything.
_COMMON = """
    'id', run.id, 'job', run.job, 'state', run.state, 'trigger', run.trigger,
    'triggered_by', run.triggered_by, 'occurrence', run.occurrence, 'attempt', run.attempt,
    'failures', run.failures, 'max_attempts', run.max_attempts, 'due_at', run.due_at,
    'lease_until', run.lease_until, 'created_at', run.created_at, 'started_at', run.started_at,
    'finished_at', run.finished_at,
    'progress', CASE WHEN octet_length(run.progress::text) <= 1000 THEN run.progress END
"""
_LISTED = f"""json_build_object({_COMMON}, 'error',
    CASE WHEN length(run.error) > {LISTED_ERROR} THEN left(run.error, {LISTED_ERROR - 1}) || '…' ELSE run.error END
)"""
# Payload and result could have any size before they had a limit, and an answer of Lambda has 6 MB at most.
RUN_FIELDS = f"""{_COMMON}, 'error', run.error,
    'payload', CASE WHEN octet_length(run.payload::text) <= {MAX_JSON_BYTES} THEN run.payload END,
    'result', CASE WHEN octet_length(run.result::text) <= {MAX_JSON_BYTES} THEN run.result END,
    'cut', (
        SELECT COALESCE(json_object_agg(name, bytes), '{{}}')
        FROM (VALUES ('payload', octet_length(run.payload::text)), ('result', octet_length(run.result::text)))
            AS field(name, bytes)
        WHERE bytes > {MAX_JSON_BYTES}
    )
"""


def find(con: Connection, run_id: str) -> dict[str, Any] | None:
    """The run, or None. `cut` has the sizes of payload and result in bytes where they are too large to be read."""
    rows = con.query(
        f"SELECT json_build_object({RUN_FIELDS}) FROM job_run AS run WHERE id = CAST(:id AS uuid)", id=run_id
    )
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
    with with_work_mem(con):
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
        SELECT COALESCE(json_agg({_LISTED} ORDER BY run.id DESC), '[]')::text, (SELECT count(*) FROM found),
               (SELECT id::text FROM shown ORDER BY id LIMIT 1)
        FROM shown AS run
        """,
        limit=limit,
        **params,
    )
    return _Page(items, last if number > limit else None, number)
