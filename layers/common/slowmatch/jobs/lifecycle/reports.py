"""Progress and log lines of an attempt, written at checkpoints and at its end.

A lease is identified by run, attempt and end, so a late worker neither reports progress nor finishes for the run's
next attempt. Its log lines are written all the same: they belong to its own attempt.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt, LeasedAttempt
from slowmatch.text import to_json

WRITE_LOG = """
    INSERT INTO job_log (run_id, attempt, at, level, message)
    SELECT :run_id::uuid, :attempt, line.at, line.level, line.message
    FROM jsonb_to_recordset(:lines::jsonb) AS line(at timestamptz, level text, message text)
"""
# IS TRUE: see claim.CLAIM.
CHECKPOINT = f"""
    WITH held AS (
        UPDATE job_run
        SET progress = COALESCE(:progress::jsonb, progress)
        WHERE id = :run_id::uuid
          AND (attempt = :attempt AND lease_until = :lease_until::timestamptz) IS TRUE
        RETURNING id
    ), log AS (
        {WRITE_LOG}
    )
    SELECT count(*) FROM held
"""

# After the stop by whatever clock: run_details takes it for that of an earlier stop otherwise.
NOTE_HANDLER_END = f"""
    WITH log AS (
        {WRITE_LOG}
    )
    UPDATE job_run
    SET handler_ended_at = GREATEST(:at::timestamptz, finished_at), stop_noticed = :noticed::boolean
    WHERE id = :run_id::uuid AND (attempt = :attempt AND state = 'deleted') IS TRUE
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Progress and log lines that an attempt has not written yet."""

    progress: dict[str, Any] | None = None
    lines: list[dict[str, str]] = field(default_factory=list)


def checkpoint(con: Connection, claimed: ClaimedAttempt, reports: Reports) -> bool:
    """Write progress and log lines; False if the attempt is no longer ours."""
    ((held,),) = con.query(
        CHECKPOINT,
        run_id=claimed.run_id,
        attempt=claimed.attempt,
        lease_until=claimed.lease_until,
        progress=None if reports.progress is None else to_json(reports.progress),
        lines=to_json(reports.lines),
    )
    return bool(held)


def note_handler_end(
    con: Connection, leased: LeasedAttempt, lines: list[dict[str, str]], *, at: datetime, noticed: bool
) -> None:
    """Write the last log lines of an attempt that is no longer ours, and, if its run was stopped, that it ended `at`.

    `noticed` says whether it ended because of that.
    """
    con.query(
        NOTE_HANDLER_END,
        run_id=leased.run_id,
        attempt=leased.attempt,
        at=at,
        noticed=noticed,
        lines=to_json(lines),
    )
