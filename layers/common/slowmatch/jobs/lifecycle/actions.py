"""What people do to runs: requeue, run now, delete, one or many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, count_up_to_cap
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.lifecycle import messages, promotion
from slowmatch.jobs.lifecycle.messages import RunMessage
from slowmatch.jobs.run_filter import RunFilter

FINAL = ("succeeded", "failed", "deleted")
BULK = 1_000
"""The most runs that one bulk action changes."""
COUNTED = 10_000
"""The most runs that a list counts for each bulk action."""
ELIGIBLE = {
    "requeue": FINAL,
    "run-now": ("scheduled",),
    "delete": ("enqueued", "scheduled", "processing", "failed"),
}
"""The states that each action starts from."""

# The runs are locked in the order of their ids, so that two actions cannot wait for each other.
CHOSEN = """
    chosen AS (
        SELECT id, state FROM job_run
        WHERE id = ANY(:ids::uuid[]) AND state = ANY(:eligible::text[])
        ORDER BY id
        FOR UPDATE
    )
"""
RECORDED = """
    event AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, :now::timestamptz, from_state, state, :reason, :actor
        FROM changed
    )
    SELECT id::text, job, attempt + 1, from_state FROM changed ORDER BY id
"""
REQUEUE = f"""
    WITH {CHOSEN}, changed AS (
        UPDATE job_run AS run
        SET state = 'enqueued',
            failures = 0,
            due_at = :now::timestamptz,
            message_at = :message_at::timestamptz,
            started_at = NULL,
            finished_at = NULL,
            result = NULL,
            error = NULL,
            cursor = NULL,
            progress = NULL
        FROM chosen
        WHERE run.id = chosen.id
        RETURNING run.id, run.job, run.state, run.attempt, chosen.state AS from_state
    ), {RECORDED}
"""
RUN_NOW = f"""
    WITH {CHOSEN}, changed AS (
        UPDATE job_run AS run
        SET state = 'enqueued',
            due_at = :now::timestamptz,
            message_at = :message_at::timestamptz,
            progress = NULL
        FROM chosen
        WHERE run.id = chosen.id
        RETURNING run.id, run.job, run.state, run.attempt, chosen.state AS from_state
    ), {RECORDED}
"""
DELETE = f"""
    WITH {CHOSEN}, changed AS (
        UPDATE job_run AS run
        SET state = 'deleted',
            finished_at = :now::timestamptz,
            lease_until = NULL,
            message_at = NULL
        FROM chosen
        WHERE run.id = chosen.id
        RETURNING run.id, run.job, run.state, run.attempt, chosen.state AS from_state
    ), {RECORDED}
"""
# A statement of its own: DELETE may have waited for a claim, and does not see the attempt that this has started.
CANCEL_ATTEMPTS = """
    UPDATE job_attempt
    SET finished_at = :now::timestamptz, outcome = 'cancelled'
    WHERE run_id = ANY(:ids::uuid[]) AND finished_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """The runs that an action changed, and the last one that it considered if more may match."""

    ids: list[str]
    last: str | None


def change(
    con: Connection,
    action: str,
    *,
    actor: str,
    ids: Sequence[str] | None = None,
    wanted: RunFilter | None = None,
    after: str | None = None,
    states: Sequence[str] = (),
    send: bool = True,
    reason: str = "",
) -> Changed:
    """Requeue, run now or delete the runs named by `ids`, or up to BULK runs that match a filter.

    Only runs in a state that the action starts from are changed, or only in those of `states`. With a filter, runs
    are taken in the order of their ids; continue with `after=changed.last` until it is None. The reason in the runs'
    history is `reason`, or the action.
    """
    now = con.now()
    with con.transaction():
        chosen = _matching(con, action, wanted or RunFilter(), after) if ids is None else list(ids)
        given: dict[str, Any] = {
            "ids": chosen,
            "eligible": list(states or ELIGIBLE[action]),
            "now": now,
            "reason": reason or action,
            "actor": actor,
        }
        if action == "delete":
            rows = con.query(DELETE, **given)
            to_send = _stop(con, [(run_id, job) for run_id, job, _, was in rows if was == "processing"], now)
        else:
            statement = REQUEUE if action == "requeue" else RUN_NOW
            rows = con.query(statement, **given, message_at=now if send else None)
            to_send = [RunMessage(job, run_id, attempt, now) for run_id, job, attempt, _ in rows if send]
    con.after_commit(lambda: messages.send(con, to_send))
    is_full = ids is None and len(chosen) == BULK
    return Changed([row[0] for row in rows], chosen[-1] if is_full else None)


def _matching(con: Connection, action: str, wanted: RunFilter, after: str | None) -> list[str]:
    where, params = wanted.matching()
    if after is not None:
        where += " AND run.id > :after::uuid"
        params["after"] = after
    rows = con.query(
        f"""
        SELECT id::text FROM job_run AS run
        WHERE {where} AND run.state = ANY(:eligible::text[])
        ORDER BY id
        LIMIT {BULK}
        """,
        eligible=list(ELIGIBLE[action]),
        **params,
    )
    return [row[0] for row in rows]


def _stop(con: Connection, processing: list[tuple[str, str]], now: datetime) -> list[RunMessage]:
    """Close the attempts of these runs (id, job), and promote the runs that wait for them."""
    if not processing:
        return []
    con.query(CANCEL_ATTEMPTS, now=now, ids=[run_id for run_id, _ in processing])
    return promotion.promote(con, [job for _, job in processing], now)


def bulk_count(con: Connection, wanted: RunFilter, action: str, cap: int = COUNTED) -> CappedCount:
    """How many of the runs that match `wanted` the action would change, up to `cap`."""
    where, params = wanted.where()
    search = wanted.search(params)
    if search is not None:
        where += f" AND {search}"
    found = f"job_run AS run WHERE {where} AND run.state = ANY(:eligible::text[])"
    count = f"SELECT {count_up_to_cap(found, cap)}"
    eligible = list(ELIGIBLE[action])
    rows = cached(con, ("bulk", wanted, action, cap), lambda: con.query(count, eligible=eligible, **params))
    return CappedCount.of(rows[0][0], cap)
