"""The state of destinations: their last answers, and those that lose notifications or are switched off.

A destination that confirms a message again, or a test message, is told what it missed: the last outcome of each job and
the last state of each alarm of which it has heard something else.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slowmatch.db import Connection
from slowmatch.notifications.destinations import Destination, DestinationList
from slowmatch.notifications.message import GOOD_STATES
from slowmatch.notifications.series import KIND, STATE, SUBJECT

if TYPE_CHECKING:
    from slowmatch.notifications.sender import Response

MAX_REFUSALS = 3
"""So many answers 401 or 403 in a row switch a destination off."""
REVIVED_FOR = timedelta(days=7)

_SUCCESS = """
    WITH before AS (
        SELECT gave_up_at FROM notification_destination WHERE name = :name FOR UPDATE
    )
    UPDATE notification_destination
    SET answer = :answer,
        answered_at = :now::timestamptz,
        busy_until = CASE WHEN :is_test THEN busy_until END,
        rests_until = NULL,
        failures = 0,
        refusals = 0,
        failing_since = NULL,
        gave_up_at = NULL,
        switched_off_at = NULL,
        reason = NULL
    FROM before
    WHERE name = :name
    RETURNING before.gave_up_at
"""
_REVIVE = f"""
    WITH latest AS (
        SELECT DISTINCT ON (kind, subject) notification_id, state, finished_at, revived_at, kind, subject, now_state
        FROM (
            SELECT delivery.*, at, sequence, {KIND} AS kind, {SUBJECT} AS subject, {STATE} AS now_state
            FROM notification_delivery AS delivery JOIN notification ON id = notification_id
            WHERE destination = :name AND event IN ('failed', 'recovered', 'alarm') AND at > :oldest::timestamptz
        ) AS known
        ORDER BY kind, subject, at DESC, sequence DESC
    )
    UPDATE notification_delivery AS delivery
    SET state = 'waiting',
        attempts = 0,
        finished_at = NULL,
        due_at = :now::timestamptz,
        message_at = :now::timestamptz,
        revived_at = :now::timestamptz
    FROM latest LEFT JOIN notification_series AS told
         ON told.destination = :name AND (told.kind, told.subject) = (latest.kind, latest.subject)
    WHERE delivery.notification_id = latest.notification_id
      AND delivery.destination = :name
      AND latest.state = 'given_up'
      AND latest.finished_at >= :gave_up_at::timestamptz
      AND latest.revived_at IS NULL
      AND now_state <> COALESCE(told_state, '')
      AND (told_state IS NOT NULL OR now_state <> ALL(:good_states::text[]))
    RETURNING delivery.notification_id::text
"""


def record_success(
    con: Connection, name: str, response: "Response", now: datetime, *, is_test: bool = False
) -> list[str] | None:
    """Record that the destination confirmed a message.

    If notifications were lost to it before, return the ids of those that it is told after all; otherwise None.
    """
    rows = con.query(_SUCCESS, name=name, answer=response.description, now=now, is_test=is_test)
    if not rows or rows[0][0] is None:
        return None
    revived = con.query(
        _REVIVE,
        name=name,
        gave_up_at=rows[0][0],
        oldest=now - REVIVED_FOR,
        now=now,
        good_states=list(GOOD_STATES),
    )
    return [notification_id for (notification_id,) in revived]


def record_failure(
    con: Connection, name: str, response: "Response", now: datetime, *, rests_until: datetime, failures: int
) -> None:
    """Record an answer after which the destination rests."""
    sql = """
        UPDATE notification_destination
        SET answer = :answer,
            answered_at = :now::timestamptz,
            busy_until = NULL,
            rests_until = :rests_until::timestamptz,
            failures = :failures,
            failing_since = COALESCE(failing_since, :now::timestamptz)
        WHERE name = :name
    """
    con.query(
        sql, name=name, answer=response.description, now=now, rests_until=rests_until, failures=failures
    )


def record_refusal(con: Connection, name: str, response: "Response", now: datetime) -> bool:
    """Record an answer that another attempt would not change; return whether it switched the destination off."""
    sql = """
        UPDATE notification_destination
        SET answer = :answer,
            answered_at = :now::timestamptz,
            busy_until = NULL,
            rests_until = NULL,
            failures = 0,
            failing_since = COALESCE(failing_since, :now::timestamptz),
            gave_up_at = COALESCE(gave_up_at, :now::timestamptz),
            refusals = CASE WHEN :is_denied THEN refusals + 1 ELSE 0 END,
            (switched_off_at, reason) = (
                SELECT :now::timestamptz, :answer::text
                WHERE :is_gone OR (:is_denied AND refusals + 1 >= :max_refusals::integer)
            )
        WHERE name = :name
        RETURNING switched_off_at IS NOT NULL
    """
    rows = con.query(
        sql,
        name=name,
        answer=response.description,
        now=now,
        is_gone=response.is_gone,
        is_denied=response.is_denied,
        max_refusals=MAX_REFUSALS,
    )
    return bool(rows and rows[0][0])


def record_given_up(con: Connection, name: str, answer: str, now: datetime) -> None:
    """Record that a notification was given up after its last attempt."""
    sql = """
        UPDATE notification_destination
        SET answer = :answer,
            failing_since = COALESCE(failing_since, :now::timestamptz),
            gave_up_at = COALESCE(gave_up_at, :now::timestamptz)
        WHERE name = :name
    """
    con.query(sql, name=name, answer=answer, now=now)


@dataclass(frozen=True, slots=True)
class DestinationState:
    """`answer` is the last one. Nothing was confirmed since `failing_since`, and notifications are lost since
    `gave_up_at`. `flaw` is what is wrong with its entry in the secret. `fingerprint` is of its address.
    """

    name: str
    answer: str | None
    answered_at: datetime | None
    failing_since: datetime | None
    gave_up_at: datetime | None
    switched_off_at: datetime | None
    flaw: str | None
    fingerprint: str


def states(con: Connection) -> dict[str, DestinationState]:
    """By name, what is known of destinations; nothing is of one that never got a message."""
    sql = """
        SELECT name, answer, answered_at, failing_since, gave_up_at, switched_off_at, flaw, fingerprint
        FROM notification_destination
        ORDER BY name
    """
    return {row[0]: DestinationState(*row) for row in con.query(sql)}


def store_list(con: Connection, found: DestinationList, now: datetime) -> None:
    """Store what is wrong with the list in the secret, and what changed in it.

    Destinations that are no longer in it are forgotten. One with a new address starts afresh.
    """
    listed, flaws = found.destinations, found.flaws
    known = states(con)
    moved = [
        destination
        for name, destination in listed.items()
        if name in known and not destination.flaw and known[name].fingerprint != destination.fingerprint
    ]
    for destination in moved:
        _start_afresh(con, destination, now)
    if not known.keys() - listed.keys() - flaws.keys() and flaws == {
        name: state.flaw for name, state in known.items() if state.flaw
    }:
        return
    with con.transaction():
        names = [*listed, *flaws]
        con.query("DELETE FROM notification_destination WHERE name <> ALL(:names::text[])", names=names)
        con.query("DELETE FROM notification_series WHERE destination <> ALL(:names::text[])", names=names)
        con.query("UPDATE notification_destination SET flaw = NULL WHERE flaw IS NOT NULL")
        con.query(
            """
            INSERT INTO notification_destination (name, fingerprint, flaw)
            SELECT name, '', flaw FROM unnest(:names::text[], :flaws::text[]) AS wrong(name, flaw)
            ON CONFLICT (name) DO UPDATE SET flaw = EXCLUDED.flaw
            """,
            names=list(flaws),
            flaws=list(flaws.values()),
        )


def _start_afresh(con: Connection, destination: Destination, now: datetime) -> None:
    """Forget what the old address did, and what was told there. Nothing waits for its rests and digests."""
    sql = """
        WITH moved AS (
            UPDATE notification_destination
            SET fingerprint = :fingerprint,
                rests_until = NULL,
                failures = 0,
                refusals = 0,
                switched_off_at = NULL,
                reason = NULL
            WHERE name = :name AND fingerprint <> :fingerprint
            RETURNING name
        ), told AS (
            DELETE FROM notification_series USING moved WHERE destination = name
        )
        UPDATE notification_delivery SET due_at = LEAST(due_at, :now::timestamptz), message_at = NULL
        FROM moved
        WHERE destination = name AND state = 'waiting'
    """
    con.query(sql, name=destination.name, fingerprint=destination.fingerprint, now=now)
