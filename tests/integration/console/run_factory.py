"""Makes runs in any state by writing them into the database."""

import json
from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.ids import new_run_id

JOB = "record-expiry"
TRACEBACK = 'Traceback (most recent call last):\n  File "app.py", line 7, in handler\nMailRefused: 421'


def make_run(
    con: Connection, state: str, ago: float = 0, attempt_fields: dict[str, Any] | None = None, **fields: Any
) -> str:
    """Make a run created `ago` seconds ago. `fields` are its columns, `attempt_fields` those of its last attempt."""
    now = con.now()
    at = now - timedelta(seconds=ago)
    row: dict[str, Any] = {
        "id": new_run_id(int(at.timestamp() * 1000)),
        "job": JOB,
        "state": state,
        "exclusive": False,
        "trigger": "console",
        "triggered_by": "kim@example.com",
        "max_attempts": 11,
        "due_at": at,
        "created_at": at,
        **_columns_of_state(state, at, now),
        **fields,
    }
    _insert(con, "job_run", row)
    if row.get("attempt"):
        _insert(con, "job_attempt", _attempt(row, at, attempt_fields or {}))
    return str(row["id"])


def make_runs(con: Connection, number: int, state: str = "deleted", job: str = JOB) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at, finished_at)
        SELECT uuidv7(), :job, :state, false, 'api', 11, now(), now(), now()
        FROM generate_series(1, CAST(:number AS integer))
        """,
        job=job,
        state=state,
        number=number,
    )


def count_by_state(con: Connection) -> dict[str, int]:
    return dict(con.query("SELECT state, count(*) FROM job_run GROUP BY state"))


def run_state(con: Connection, run_id: str) -> str:
    ((state,),) = con.query("SELECT state FROM job_run WHERE id = CAST(:id AS uuid)", id=run_id)
    return str(state)


def _columns_of_state(state: str, at: datetime, now: datetime) -> dict[str, Any]:
    """The columns that the table requires in that state."""
    known: dict[str, dict[str, Any]] = {
        "processing": {"attempt": 1, "started_at": at, "lease_until": now + timedelta(minutes=5)},
        "succeeded": {"attempt": 1, "started_at": at, "finished_at": at + timedelta(seconds=1.5)},
        "failed": {
            "attempt": 1,
            "failures": 1,
            "started_at": at,
            "finished_at": at + timedelta(seconds=1),
            "error": "MailRefused: 421",
        },
        "deleted": {"finished_at": at},
    }
    return known.get(state, {})


def _attempt(row: dict[str, Any], at: datetime, given: dict[str, Any]) -> dict[str, Any]:
    error = row.get("error")
    outcome = None if row["state"] == "processing" else "failed" if error else "succeeded"
    return {
        "run_id": row["id"],
        "number": row["attempt"],
        "worker": f"{row['job']}/0123abcd",
        "request_id": "r",
        "started_at": row.get("started_at") or at,
        "finished_at": (row.get("finished_at") or at) if outcome else None,
        "outcome": outcome,
        "error_type": error.partition(":")[0] if error else None,
        "error_message": error.partition(": ")[2] if error else None,
        "traceback": TRACEBACK if error else None,
        **given,
    }


def _insert(con: Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    con.query(
        f"""
        INSERT INTO {table} ({names})
        SELECT {names} FROM jsonb_populate_record(CAST(NULL AS {table}), CAST(:row AS jsonb))
        """,
        row=json.dumps(row, default=datetime.isoformat),
    )
