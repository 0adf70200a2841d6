"""Runs, one by one and in lists."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, get_args

from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, CappedCounts
from slowmatch.db.snapshot_cache import cached
from slowmatch.db.text_search import FIRST_WALK, MAX_PAGE_ROWS, SortedList, page_rows, walk, with_work_mem
from slowmatch.jobs.definition import MAX_JSON_BYTES
from slowmatch.jobs.ids import run_id_range
from slowmatch.jobs.model import ListedRun, Run, RunState
from slowmatch.jobs.queries.run_order import NEWEST_FIRST, RunOrder
from slowmatch.jobs.run_filter import RunFilter

LONG_WALK = 50_000

TRACEBACK_CHARACTERS = 2_000
"""A list has so much of a traceback: its end, where the error is."""

ERROR_CHARACTERS = 1_000
"""A list has so much of an error; the run itself has all of it."""

# Not asked with EXISTS, which the planner may answer by reading all attempts.
IS_STOPPED = """run.state = 'deleted' AND run.started_at IS NOT NULL AND COALESCE((
    SELECT outcome = 'cancelled' FROM job_attempt WHERE run_id = run.id AND number = run.attempt
), false)"""
# Progress is a few numbers now; earlier releases accepted anything.
_COMMON = f"""
    'id', run.id, 'job', run.job, 'state', run.state, 'trigger', run.trigger, 'stopped', {IS_STOPPED},
    'triggered_by', run.triggered_by, 'schedule', NULLIF(run.schedule, ''), 'occurrence', run.occurrence,
    'attempt', run.attempt, 'failures', run.failures, 'max_attempts', run.max_attempts, 'due_at', run.due_at,
    'lease_until', run.lease_until, 'created_at', run.created_at, 'started_at', run.started_at,
    'finished_at', run.finished_at,
    'progress', CASE WHEN octet_length(run.progress::text) <= 1000 THEN run.progress END
"""
_LISTED = f"""json_build_object({_COMMON}, 'error',
    CASE WHEN length(run.error) > {ERROR_CHARACTERS} THEN left(run.error, {ERROR_CHARACTERS - 1}) || '…'
         ELSE run.error END
)"""
# Earlier releases set no limit to payloads and results, and an answer of Lambda has 6 MB at most.
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


def find(con: Connection, run_id: str) -> Run | None:
    rows = con.query(
        f"SELECT json_build_object({RUN_FIELDS}) FROM job_run AS run WHERE id = :id::uuid", id=run_id
    )
    return Run.from_json(rows[0][0]) if rows else None


FIND_BEGINNING = """
    SELECT id::text
    FROM job_run
    WHERE id BETWEEN :low_id::uuid AND :high_id::uuid
    LIMIT 2
"""


def only_run_beginning_with(con: Connection, text: str) -> str | None:
    """The identifier that begins with `text`; None if there is no such run or more than one."""
    ids = run_id_range(text)
    if ids is None:
        return None
    rows = con.query(FIND_BEGINNING, low_id=ids[0], high_id=ids[1])
    return str(rows[0][0]) if len(rows) == 1 else None


def get(con: Connection, run_id: str) -> Run:
    """The run. Raises LookupError when there is none."""
    run = find(con, run_id)
    if run is None:
        raise LookupError(f"there is no run {run_id}")
    return run


def describe(con: Connection, run_id: str) -> str:
    """Why a run cannot be claimed."""
    run = find(con, run_id)
    if run is None:
        return "there is no such run"
    return f"the run of {run.job} is {run.state}, attempt {run.attempt}, due {run.due_at.isoformat()}"


@dataclass(frozen=True)
class Page:
    """Some runs, in the order of the list, as the text of a JSON array.

    `last` is the cursor that the next page continues from, or None on the last page. `size` counts the runs found,
    including one of the next page.
    """

    json: str
    last: str | None
    size: int
    has_next: bool

    @cached_property
    def items(self) -> list[ListedRun]:
        return [ListedRun.from_json(run) for run in json.loads(self.json)]


def page(
    con: Connection,
    wanted: RunFilter,
    before: str | None = None,
    limit: int = MAX_PAGE_ROWS,
    order: RunOrder = NEWEST_FIRST,
) -> Page:
    """Up to `limit` runs behind the cursor `before`, the `last` of an earlier page. Raises ValueError for no cursor."""
    key = ("page", wanted, before, limit, order)
    return cached(con, key, lambda: read_page(con, wanted, before, limit, order))


def read_page(
    con: Connection, wanted: RunFilter, before: str | None, limit: int, order: RunOrder = NEWEST_FIRST
) -> Page:
    """As `page`, but never from the cache."""
    where, params = wanted.where()
    if before is not None:
        behind, values = order.after(before)
        where += f" AND {behind}"
        params |= values
    indexed = wanted.search(params)
    rows = SortedList("job_run AS run", where, order.sql)

    def fetch(source: str) -> Page:
        sql = _page_sql(page_rows(source, rows.order), order)
        ((items, size, last),) = con.query(sql, limit=limit, **params)
        has_next = size > limit
        return Page(items, last if has_next else None, size, has_next)

    limit = min(limit, MAX_PAGE_ROWS)
    if indexed is None:
        return fetch(rows.all())
    one_by_one = wanted.search(params, one_by_one=True)
    page = walk(rows, str(one_by_one), fetch, limit=limit, walks=(FIRST_WALK, LONG_WALK))
    if page is not None:
        return page
    with with_work_mem(con):
        return fetch(rows.indexed(indexed))


def _page_sql(rows: str, order: RunOrder) -> str:
    return f"""
        WITH found AS (
            SELECT * FROM {rows} AS page
        ), shown AS (
            SELECT * FROM found ORDER BY {order.sql} LIMIT :limit::integer
        )
        SELECT COALESCE(json_agg({_LISTED} ORDER BY {order.sql}), '[]')::text, (SELECT count(*) FROM found),
               (SELECT {order.cursor} FROM shown ORDER BY {order.reverse.sql} LIMIT 1)
        FROM shown AS run
    """


def counts(con: Connection) -> dict[str, CappedCount]:
    """Runs by state, and `retries`: the scheduled ones that failed before."""
    return cached(con, "counts", lambda: COUNTS.read(con))


COUNTS = CappedCounts(
    "job_run",
    {state: (f"state = '{state}'", "id") for state in get_args(RunState)}
    | {"retries": ("state = 'scheduled' AND failures > 0", "id")},
)


def blocking_run(con: Connection, job: str) -> str | None:
    """The id of the run that has to end before the next run of an exclusive job can start, if one is processing."""
    rows = con.query(
        "SELECT id::text FROM job_run WHERE job = :job AND state = 'processing' AND exclusive", job=job
    )
    return rows[0][0] if rows else None


class Neighbours(NamedTuple):
    """The ids of the runs of the same job that were created before and after a run."""

    previous: str | None
    next: str | None


def neighbours(con: Connection, run: ListedRun) -> Neighbours:
    rows = cached(con, ("neighbours", run.id), lambda: con.query(_NEIGHBOURS, id=run.id, job=run.job))
    return Neighbours(*rows[0])


# A range of one name, not an equality: see job_summaries.
_NEIGHBOURS = """
    SELECT (
        SELECT run.id::text FROM job_run AS run
        WHERE run.job BETWEEN :job AND :job AND run.id < :id::uuid
        ORDER BY run.job DESC, run.id DESC
        LIMIT 1
    ), (
        SELECT run.id::text FROM job_run AS run
        WHERE run.job BETWEEN :job AND :job AND run.id > :id::uuid
        ORDER BY run.job, run.id
        LIMIT 1
    )
"""


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """The current or last attempt of a run, as lists show it: with the end of its traceback."""

    worker: str
    started_at: datetime
    finished_at: datetime | None
    traceback: str | None


def last_attempts(con: Connection, ids: Sequence[str]) -> dict[str, LastAttempt]:
    """The current or last attempt of each run that has one, by the run's id."""
    rows = con.query(_LAST_ATTEMPTS, ids=list(ids)) if ids else []
    return {run_id: LastAttempt(*attempt) for run_id, *attempt in rows}


_LAST_ATTEMPTS = f"""
    SELECT run.id::text, attempt.worker, attempt.started_at, attempt.finished_at,
           right(attempt.traceback, {TRACEBACK_CHARACTERS})
    FROM job_run AS run
    JOIN job_attempt AS attempt ON attempt.run_id = run.id AND attempt.number = run.attempt
    WHERE run.id = ANY(:ids::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Deletion:
    """The event that deleted a run: who did it, why, and which state it was in; None for a skipped occurrence."""

    actor: str
    reason: str
    was: str | None


def deletions(con: Connection, ids: Sequence[str]) -> dict[str, Deletion]:
    """How each deleted run was deleted, by the run's id."""
    rows = con.query(_DELETIONS, ids=list(ids)) if ids else []
    return {run_id: Deletion(*event) for run_id, *event in rows}


_DELETIONS = """
    SELECT DISTINCT ON (run_id) run_id::text, actor, reason, from_state
    FROM job_event
    WHERE run_id = ANY(:ids::uuid[]) AND to_state = 'deleted'
    ORDER BY run_id, id DESC
"""
