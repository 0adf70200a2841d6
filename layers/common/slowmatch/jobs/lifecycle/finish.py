"""An attempt that is held, in SQL, to its end: checkpoint, finish, hand on. Each is one statement.

Whoever holds (run, attempt, lease_until) owns it; checkpoint and finish ask for all three, so a late first attempt
cannot finish the second, nor one whose claim a crash took back that of its successor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.lifecycle.claim import (
    CLAIMED,
    MAX_EARLY_START,
    ClaimedAttempt,
    Lease,
    held,
    read,
    starting,
)
from slowmatch.jobs.lifecycle.messages import RunMessage
from slowmatch.jobs.lifecycle.notifications import tell
from slowmatch.jobs.lifecycle.promotion import PROMOTE_NEXT
from slowmatch.text import to_json


@dataclass(slots=True)
class Ahead:
    """The message after the one that is worked on: the statement that finishes this run claims that one.

    So a batch costs a statement and a commit for each run, and nothing is held before its turn has come. What
    is not claimed like that (`claim` stays None) is to be claimed by itself.
    """

    run_id: str
    attempt: int
    holder: Callable[[], Lease]
    claim: ClaimedAttempt | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """Whether the attempt was still ours, who waited for its place, and the id of what is to be told."""

    mine: bool
    promoted: list[RunMessage]
    told: str | None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What became of an attempt, and the state that follows from it. `result` is JSON text."""

    outcome: str
    state: str
    reason: str
    failures: int
    due_at: datetime | None = None
    result: str | None = None
    cursor: dict[str, Any] | None = None
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None

    @property
    def error(self) -> str | None:
        return f"{self.error_type}: {self.error_message}" if self.error_type else None


# A lease is there in state `processing` only.
_OWNED = """
    id = CAST(:run_id AS uuid)
    AND (attempt = CAST(:attempt AS integer) AND lease_until = CAST(:held_until AS timestamptz)) IS TRUE
"""
_WRITE_LOG = """
    logged AS (
        INSERT INTO job_log (run_id, attempt, at, level, message)
        SELECT CAST(:run_id AS uuid), CAST(:attempt AS integer), line.at, line.level, line.message
        FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS line(at timestamptz, level text, message text)
    )
"""


def checkpoint(
    con: Connection, claim: ClaimedAttempt, progress: dict[str, Any] | None, lines: list[Any]
) -> bool:
    """Keep progress and log lines; False when the attempt is no longer ours."""
    ((mine,),) = con.query(
        f"""
        WITH alive AS (
            UPDATE job_run SET progress = COALESCE(CAST(:progress AS jsonb), progress)
            WHERE {_OWNED}
            RETURNING id
        ), {_WRITE_LOG}
        SELECT count(*) FROM alive
        """,
        run_id=claim.run_id,
        attempt=claim.attempt,
        held_until=claim.lease_until,
        progress=None if progress is None else to_json(progress),
        lines=to_json(lines),
    )
    return bool(mine)


# EXISTS lets it come after the finish, which may have to wait: nothing else is held then. And whoever holds the
# row already may wait for one that this statement has changed: it is not waited for.
_CLAIM_AHEAD = starting(
    "due_at <= CAST(:due_by AS timestamptz) AND NOT exclusive AND EXISTS (SELECT FROM finished)",
    "SKIP LOCKED",
)


def finish(
    con: Connection,
    claim: ClaimedAttempt,
    end: AttemptResult,
    now: datetime,
    message_at: datetime | None,
    progress: dict[str, Any] | None,
    lines: list[Any],
    *,
    ahead: Ahead | None = None,
) -> Finished:
    """Close the attempt and move the run on, and note what people are to be told.

    The oldest run that found an exclusive job busy is handed the place at once. Otherwise the run `ahead` is
    claimed, unless this attempt is ours no longer, or somebody is at that very row.
    """
    holder = ahead.holder() if ahead and not claim.exclusive else None
    rows = con.query(
        f"""
        WITH finished AS (
            UPDATE job_run
            SET state = :state, lease_until = NULL, failures = CAST(:failures AS integer),
                finished_at = CASE WHEN :state IN ('succeeded', 'failed') THEN CAST(:now AS timestamptz) END,
                due_at = COALESCE(CAST(:due_at AS timestamptz), due_at),
                message_at = CAST(:message_at AS timestamptz),
                result = CAST(:result AS jsonb), error = CAST(:error AS text),
                cursor = COALESCE(CAST(:cursor AS jsonb), cursor),
                progress = COALESCE(CAST(:progress AS jsonb), progress)
            WHERE {_OWNED}
            RETURNING id, job, exclusive, attempt
        ), closed AS (
            UPDATE job_attempt
            SET finished_at = CAST(:now AS timestamptz), outcome = :outcome, error_type = CAST(:error_type AS text),
                error_message = CAST(:error_message AS text), traceback = CAST(:traceback AS text)
            FROM finished WHERE run_id = finished.id AND number = CAST(:attempt AS integer)
        ), noted AS (
            INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), 'processing', :state, :reason, 'worker' FROM finished
        ){_further(claim, end, lines, joined=holder is not None)}
        """,
        run_id=claim.run_id,
        attempt=claim.attempt,
        held_until=claim.lease_until,
        now=now,
        state=end.state,
        outcome=end.outcome,
        reason=end.reason,
        failures=end.failures,
        due_at=end.due_at,
        message_at=message_at,
        result=end.result,
        cursor=None if end.cursor is None else to_json(end.cursor),
        error=end.error,
        error_type=end.error_type,
        error_message=end.error_message,
        traceback=end.traceback,
        progress=None if progress is None else to_json(progress),
        lines=to_json(lines) if lines else "",
        **_following(claim, ahead, holder),
    )
    mine, told, *following = rows[0]
    if ahead and holder and following[0]:
        ahead.claim = read(following, holder)
    waiting = [RunMessage(*following)] if claim.exclusive and following[0] else []
    return Finished(bool(mine), waiting, told)


def _following(claim: ClaimedAttempt, ahead: Ahead | None, holder: Lease | None) -> dict[str, Any]:
    if ahead is None or holder is None:
        return {}
    return {
        **held(holder),
        "job": claim.job,
        "start_id": ahead.run_id,
        "start_attempt": ahead.attempt,
        "due_by": holder.now + MAX_EARLY_START,
    }


def _further(claim: ClaimedAttempt, end: AttemptResult, lines: list[Any], joined: bool) -> str:
    """What else the statement does: each part takes its time even when it finds nothing to do."""
    parts = [_WRITE_LOG] if lines else []
    told, following, source = "NULL", "NULL", ""
    if end.state in ("succeeded", "failed"):
        parts.append(tell("finished"))
        told = "(SELECT id::text FROM told)"
    if claim.exclusive:
        parts.append(PROMOTE_NEXT)
        following, source = "job, id::text, attempt + 1, due_at", "LEFT JOIN next ON true"
    elif joined:
        parts.append(_CLAIM_AHEAD)
        following, source = CLAIMED, "LEFT JOIN claimed ON true"
    return f"""
        {"".join(f", {part}" for part in parts)}
        SELECT (SELECT count(*) FROM finished), {told}, {following}
        FROM (SELECT) AS always {source}
    """
