"""Runs larger than any answer may be, written as earlier releases or long histories left them."""

import json
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.ids import new_run_id

LAMBDA_BYTES = 6 * 1024 * 1024
"""What Lambda passes on at most."""


def add_run(con: Connection, result: Any = None, error: str | None = None, payload: Any = None) -> str:
    """A run that ended, with columns of any size."""
    run_id = new_run_id()
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, attempt, due_at, created_at,
                             started_at, finished_at, result, error, payload)
        VALUES (CAST(:id AS uuid), 'record-expiry', :state, false, 'api', 11, 1, now(), now(), now(), now(),
                CAST(:result AS jsonb), CAST(:error AS text), CAST(:payload AS jsonb))
        """,
        id=run_id,
        state="failed" if error else "succeeded",
        result=None if result is None else json.dumps(result),
        error=error,
        payload=json.dumps(payload or {}),
    )
    return run_id


def add_history(con: Connection, run_id: str, attempts: int, events: int, lines: int, text: str) -> None:
    """That many attempts, events and log lines, each with all of `text` where it may have it."""
    con.query(
        """
        WITH attempts AS (
            INSERT INTO job_attempt (run_id, number, worker, request_id, started_at, finished_at, outcome,
                                     error_type, error_message, traceback)
            SELECT CAST(:id AS uuid), number, 'worker', 'request', now(), now(), 'failed', 'Error',
                   left(CAST(:text AS text), 8000), left(CAST(:text AS text), 32000)
            FROM generate_series(1, CAST(:attempts AS integer)) AS number
        ), events AS (
            INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
            SELECT CAST(:id AS uuid), now(), 'processing', 'scheduled', left(CAST(:text AS text), 1000), 'worker'
            FROM generate_series(1, CAST(:events AS integer))
        )
        INSERT INTO job_log (run_id, attempt, at, level, message)
        SELECT CAST(:id AS uuid), 1, now(), 'INFO', left(number || ' ' || CAST(:text AS text), 8000)
        FROM generate_series(1, CAST(:lines AS integer)) AS number
        """,
        id=run_id,
        text=text,
        attempts=attempts,
        events=events,
        lines=lines,
    )
