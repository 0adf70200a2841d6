"""Series: what belongs together for a reader, and what is true about it now.

The failures and recoveries of a job are one series, each alarm is one, and so are a job's missed runs and its dead
letters. A message is about a series, not about a single notification: it says what is true when it is sent.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from slowmatch.db import Connection
from slowmatch.notifications.message import FailingRun, Notification, SeriesState

# Columns of `notification` -> the series of a row, and the state that it tells.
KIND = "CASE WHEN event IN ('failed', 'recovered') THEN 'job' ELSE event END"
SUBJECT = "COALESCE(CASE WHEN event = 'alarm' THEN detail ->> 'alarm' ELSE job END, '')"
STATE = """CASE event
    WHEN 'failed' THEN 'failing'
    WHEN 'recovered' THEN 'works'
    WHEN 'alarm' THEN COALESCE(detail ->> 'state', '')
    ELSE event
END"""


@dataclass(frozen=True, slots=True)
class Series:
    kind: str
    subject: str


# `at` has an index by job for failures and recoveries; everything else happened since the oldest notification.
_STATE = f"""
    WITH history AS MATERIALIZED (
        SELECT id, at, event, job, run_id, detail, sequence, {STATE} AS state
        FROM notification
        WHERE at >= :first_at::timestamptz AND {KIND} = :kind AND {SUBJECT} = :subject
    ), latest AS (
        SELECT event, state, at FROM history ORDER BY at DESC, sequence DESC LIMIT 1
    ), wanted AS (
        SELECT at, event, job, run_id::text, detail
        FROM history
        WHERE event = ANY(:events::text[]) OR id::text = ANY(:ids::text[])
        ORDER BY at DESC, sequence DESC
        LIMIT 1
    ), failure AS (
        SELECT run_id, detail FROM history WHERE event = 'failed' ORDER BY at DESC, sequence DESC LIMIT 1
    )
    SELECT wanted.*,
           (SELECT max(sequence) FROM history),
           latest.state,
           CASE :kind
               WHEN 'alarm' THEN latest.at
               WHEN 'job' THEN COALESCE(
                   (SELECT since FROM job_failures WHERE job = :subject AND latest.event = 'failed'), latest.at
               )
           END,
           (SELECT count(*) FROM history WHERE event = 'failed'),
           (SELECT count(*) FROM history WHERE event = 'recovered'),
           (SELECT count(DISTINCT state) > 1 FROM history),
           (SELECT dead_letters FROM job WHERE :kind = 'dead_letters' AND name = :subject),
           COALESCE(run.error, failure.detail ->> 'error'),
           run.id::text,
           run.state,
           run.trigger,
           run.failures,
           run.max_attempts,
           CASE WHEN run.state IN ('scheduled', 'enqueued') THEN run.due_at END
    FROM wanted CROSS JOIN latest
         LEFT JOIN failure ON true
         LEFT JOIN job_run AS run ON run.id = failure.run_id
"""


def read_state(
    con: Connection, series: Series, ids: list[str], first_at: datetime, *, events: Collection[str]
) -> tuple[Notification, SeriesState]:
    """What is true about the series now, and its latest notification of the `events`.

    `ids` are the notifications that a message is about, in order, and `first_at` is the time of the first one.
    The message has the id of the last one: it stays the same as long as nothing is added.
    """
    ((at, event, job, run_id, detail, sequence, *facts),) = con.query(
        _STATE,
        first_at=first_at,
        kind=series.kind,
        subject=series.subject,
        events=list(events),
        ids=ids,
    )
    state, since, failed, recovered, changed, dead_letters, error, *run = facts
    if "error" in detail:
        error_type, message = _split_error(detail["error"])
        detail |= {"error": message, "error_type": error_type}
    notification = Notification(
        id=ids[-1], at=at, event=event, job=job, run_id=run_id, detail=detail, sequence=sequence
    )
    return notification, SeriesState(
        state=state,
        since=since,
        notifications=len(ids),
        first_at=first_at,
        failed=failed,
        recovered=recovered,
        changed=changed,
        dead_letters=dead_letters,
        last_error=_split_error(error)[1] if error else None,
        run=FailingRun(*run) if state == "failing" and run[0] else None,
    )


def _split_error(error: str) -> tuple[str, str]:
    """The Python class of an error, and what it says; if that is nothing, the class again."""
    error_type, _, message = error.partition(": ")
    return error_type, message or error_type


_TOLD = """
    INSERT INTO notification_series AS told
        (destination, kind, subject, told_state, told_at, counted_since, count)
    VALUES (:destination, :kind, :subject, :state, :now::timestamptz, :now::timestamptz, 1)
    ON CONFLICT (destination, kind, subject) DO UPDATE
    SET (told_state, told_at, counted_since, count) = (
        SELECT EXCLUDED.told_state,
               EXCLUDED.told_at,
               CASE WHEN is_new THEN EXCLUDED.counted_since ELSE told.counted_since END,
               CASE WHEN is_new THEN 1 ELSE told.count + 1 END
        FROM (
            SELECT :changed
                OR told.told_state <> EXCLUDED.told_state
                OR told.counted_since <= :hour_ago::timestamptz AS is_new
        ) AS count
    )
"""


def record_told(
    con: Connection,
    destination: str,
    series: Series,
    state: SeriesState,
    *,
    now: datetime,
    hour_ago: datetime,
) -> None:
    """Record what the destination knows now. If the state changed, repetitions are counted afresh."""
    con.query(
        _TOLD,
        destination=destination,
        kind=series.kind,
        subject=series.subject,
        state=state.state,
        changed=state.changed,
        now=now,
        hour_ago=hour_ago,
    )
