"""The present or last attempt of each of some runs, for lists."""

from collections.abc import Sequence
from typing import Any

from slowmatch.db import Connection

TRACEBACK_SHOWN = 2_000
"""Of a traceback a list shows the end, where the error is."""


def latest(con: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By run: worker, started_at, finished_at, traceback (its end)."""
    if not ids:
        return {}
    rows = con.query(
        f"""
        SELECT run.id::text, json_build_object(
            'worker', tried.worker, 'started_at', tried.started_at, 'finished_at', tried.finished_at,
            'traceback', right(tried.traceback, {TRACEBACK_SHOWN})
        )
        FROM job_run AS run
        JOIN job_attempt AS tried ON tried.run_id = run.id AND tried.number = run.attempt
        WHERE run.id = ANY(CAST(:ids AS uuid[]))
        """,
        ids=list(ids),
    )
    return {row[0]: row[1] for row in rows}
