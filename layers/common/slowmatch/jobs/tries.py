"""The present or last attempt of each of some runs, for lists."""

from collections.abc import Sequence
from typing import Any

from slowmatch.db import Connection

TRACEBACK_SHOWN = 4_000
"""Of a traceback a list shows the end, where the error is."""


def latest(con: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By run: worker, started_at, finished_at, outcome, error_type, error_message, traceback (its end)."""
    if not ids:
        return {}
    rows = con.query(
        f"""
        SELECT run.id::text, to_jsonb(tried) - 'traceback' - 'run_id'
               || jsonb_build_object('traceback', right(tried.traceback, {TRACEBACK_SHOWN}))
        FROM job_run AS run
        JOIN job_attempt AS tried ON tried.run_id = run.id AND tried.number = run.attempt
        WHERE run.id = ANY(CAST(:ids AS uuid[]))
        """,
        ids=list(ids),
    )
    return {row[0]: row[1] for row in rows}
