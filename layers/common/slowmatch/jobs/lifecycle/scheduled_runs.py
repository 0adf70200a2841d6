"""Scheduled ticks that start nothing: answered already, skipped, paused, or waiting for a running run."""

from datetime import datetime

from slowmatch.db import Connection
from slowmatch.jobs.definition import Job
from slowmatch.jobs.ids import new_run_id
from slowmatch.jobs.lifecycle import promotion


def is_answered(con: Connection, job: str, occurrence: datetime) -> bool:
    """Whether a scheduled tick has its run."""
    return bool(
        con.query(
            "SELECT 1 FROM job_run WHERE job = :job AND occurrence = :occurrence",
            job=job,
            occurrence=occurrence,
        )
    )


def skip_occurrence(con: Connection, spec: Job, occurrence: datetime, reason: str) -> bool:
    """Answer a tick with a run that is deleted from the start, saying why; False when it has a run."""
    return _insert_tick(con, spec, occurrence, "deleted", f"skipped: {reason}")


def hold_occurrence(con: Connection, spec: Job, occurrence: datetime) -> bool:
    """Answer a tick with a run that waits for the running one to end."""
    return _insert_tick(con, spec, occurrence, "enqueued", "waits for the run that is processing")


def _insert_tick(con: Connection, spec: Job, occurrence: datetime, state: str, reason: str) -> bool:
    now = con.now()
    run_id = new_run_id()
    rows = con.query(
        """
        WITH created AS (
            INSERT INTO job_run (id, job, state, exclusive, trigger, triggered_by, occurrence, max_attempts,
                                 due_at, message_at, created_at, finished_at)
            VALUES (CAST(:id AS uuid), :job, :state, CAST(:exclusive AS boolean), 'schedule', 'schedule',
                    CAST(:occurrence AS timestamptz), CAST(:max_attempts AS integer), CAST(:now AS timestamptz),
                    CAST(:message_at AS timestamptz), CAST(:now AS timestamptz),
                    CASE WHEN :state = 'deleted' THEN CAST(:now AS timestamptz) END)
            ON CONFLICT (job, occurrence) DO NOTHING
            RETURNING id
        )
        INSERT INTO job_event (run_id, at, to_state, reason, actor)
        SELECT id, CAST(:now AS timestamptz), :state, :reason, 'schedule' FROM created
        RETURNING run_id
        """,
        id=run_id,
        job=spec.name,
        state=state,
        exclusive=spec.exclusive,
        occurrence=occurrence,
        max_attempts=spec.max_attempts,
        now=now,
        message_at=now + promotion.WITHOUT_MESSAGE if state == "enqueued" else None,
        reason=reason,
    )
    if rows and state == "enqueued":
        promotion.give(con, [spec.name])
    return bool(rows)


def pause_of(con: Connection, job: str) -> str | None:
    """Who paused the job's schedule and why, or None."""
    rows = con.query(
        "SELECT paused_by, pause_note FROM job WHERE name = :job AND paused_at IS NOT NULL", job=job
    )
    if not rows:
        return None
    by, note = rows[0]
    return f"{by}: {note}" if note else str(by)
