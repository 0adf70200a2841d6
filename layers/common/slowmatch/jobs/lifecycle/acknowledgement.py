"""Acknowledges a failure: somebody knows about it, so it is no warning until it occurs again."""

from datetime import datetime

from slowmatch.db import Connection

NOTE = """
    INSERT INTO failure_event (at, job, action, actor, note, error_type, message)
    VALUES (:now::timestamptz, :job, :action, :actor, :note::text, :error_type, :message)
"""


def acknowledge(
    con: Connection, failure: tuple[str, str, str], *, actor: str, note: str | None, now: datetime
) -> None:
    """Acknowledge a failure, which is its job, error type and normalised message."""
    _note(con, failure, "acknowledged", actor=actor, note=note, now=now)


def undo(con: Connection, failure: tuple[str, str, str], *, actor: str, now: datetime) -> None:
    """Let the failure be a warning again."""
    _note(con, failure, "unacknowledged", actor=actor, note=None, now=now)


def _note(
    con: Connection,
    failure: tuple[str, str, str],
    action: str,
    *,
    actor: str,
    note: str | None,
    now: datetime,
) -> None:
    job, error_type, message = failure
    con.query(
        NOTE, job=job, error_type=error_type, message=message, action=action, actor=actor, note=note, now=now
    )
