"""Delivery: what is waiting for a destination is sent in order, by one worker at a time.

A worker claims the oldest delivery that is due, together with all others of its series, and sends one message that
says what is true now. Then it records the response and goes on with the next series. An SQS message that arrives
meanwhile, or while the destination rests after a failure, has nothing to do: that worker, or the message at the end
of the rest, takes care of everything that is waiting.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slowmatch.db import Connection
from slowmatch.notifications import destination_state, queue
from slowmatch.notifications.destinations import EVENTS, Destination
from slowmatch.notifications.message import Notification, SeriesState
from slowmatch.notifications.series import KIND, SUBJECT, Series, read_state, record_told
from slowmatch.telemetry import count

if TYPE_CHECKING:  # the dispatcher starts without http.client
    from slowmatch.notifications.sender import Response

LEASE = timedelta(seconds=30)
"""A worker that is silent for this long is considered dead. No POST takes as long."""
EARLY_BY = timedelta(seconds=1)
"""A message may arrive this much before its delivery is due."""
MAX_ATTEMPTS = 20
"""With the rests between them: over three hours."""
MAX_RETRY_AFTER = timedelta(hours=6)
DISPATCHER_SENDS_AFTER = timedelta(minutes=5)
"""A longer rest ends with a message of the dispatcher, which looks every five minutes.

So the notifier sends messages to itself for at most five failures in a row.
"""
MESSAGE_INTERVAL = timedelta(minutes=1)
"""Between two messages about the same job or alarm to one destination."""
REPETITION_INTERVAL = timedelta(hours=1)
"""After the first few messages that say the same, the next one waits for this long since the first."""
HELD_BACK_FOR = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """The right to send a message about `series` to `destination` now.

    `notification` is the latest one that the destination wants, and `ids` are those that wait, the oldest first.
    """

    destination: str
    series: Series
    notification: Notification
    state: SeriesState
    ids: list[str]
    attempt: int
    failures: int


_LOCK_DESTINATION = """
    INSERT INTO notification_destination AS known (name, fingerprint)
    VALUES (:name, :fingerprint)
    ON CONFLICT (name) DO UPDATE SET fingerprint = EXCLUDED.fingerprint
    RETURNING switched_off_at IS NOT NULL,
              GREATEST(rests_until - :early_by::interval, busy_until) > :now::timestamptz,
              failures
"""
"""Returns whether the destination is switched off, whether it is busy or rests, and its failures in a row."""

_OLDEST_DUE = f"""
    SELECT notification_id, destination, {KIND} AS kind, {SUBJECT} AS subject
    FROM notification_delivery JOIN notification ON id = notification_id
    WHERE destination = :destination AND state = 'waiting' AND due_at <= :due_by::timestamptz
    ORDER BY at, sequence
    LIMIT 1
"""

_CLAIM_OLDEST_DUE = f"""
    WITH oldest AS ({_OLDEST_DUE}),
    busy AS (
        UPDATE notification_destination SET busy_until = :busy_until::timestamptz
        FROM oldest
        WHERE name = oldest.destination
    ), claimed AS (
        UPDATE notification_delivery AS delivery SET attempts = attempts + 1
        FROM oldest, notification
        WHERE delivery.destination = oldest.destination
          AND delivery.state = 'waiting'
          AND delivery.notification_id = id
          AND ({KIND}, {SUBJECT}) = (oldest.kind, oldest.subject)
        RETURNING id, at, sequence, attempts, kind, subject
    )
    SELECT kind, subject, max(attempts), min(at), array_agg(id::text ORDER BY at, sequence)
    FROM claimed
    GROUP BY kind, subject
"""


def claim(con: Connection, destination: Destination, now: datetime) -> ClaimedDelivery | None:
    """Claim the oldest delivery that is due; None if there is none, or nothing may be sent now."""
    name = destination.name
    with con.transaction():
        ((is_off, is_busy, failures),) = con.query(
            _LOCK_DESTINATION, name=name, fingerprint=destination.fingerprint, now=now, early_by=EARLY_BY
        )
        if is_off:
            give_up(con, name, "the destination is switched off", now=now)
        if is_off or is_busy:
            return None
        # Nobody is sending, so the last attempt ended without a response.
        _give_up_used_up(con, name, f"no response after {MAX_ATTEMPTS} attempts", now)
        rows = con.query(_CLAIM_OLDEST_DUE, destination=name, due_by=now + EARLY_BY, busy_until=now + LEASE)
        if not rows:
            return None
        kind, subject, attempt, first_at, ids = rows[0]
        series = Series(kind, subject)
        notification, state = read_state(con, series, ids, first_at, events=destination.events or EVENTS)
    return ClaimedDelivery(
        destination=name,
        series=series,
        notification=notification,
        state=state,
        ids=ids,
        attempt=attempt,
        failures=failures,
    )


def send_next_message(con: Connection, destination: str, now: datetime) -> None:
    """Send the message for what is due next, if anything is."""
    rows = con.query(_OLDEST_DUE, destination=destination, due_by=now + EARLY_BY)
    queue.send_messages([queue.message(str(row[0]), destination) for row in rows])


@dataclass(frozen=True, slots=True)
class Result:
    """When the next attempt is due, and how many notifications were given up.

    `works_again` is true for a success after notifications were lost to the destination.
    """

    retry_at: datetime | None = None
    given_up: int = 0
    works_again: bool = False


def finish(con: Connection, claimed: ClaimedDelivery, response: "Response", now: datetime) -> Result:
    """Record the response, and send the messages that follow from it."""
    if response.is_success:
        return _confirm(con, claimed, response, now)
    if response.is_temporary:
        return _retry_later(con, claimed, response, now)
    with con.transaction():
        given_up = give_up(con, claimed.destination, response.description, now=now, ids=claimed.ids)
        if destination_state.record_refusal(con, claimed.destination, response, now):
            give_up(con, claimed.destination, "the destination was switched off", now=now)
    return Result(given_up=given_up)


_SENT = """
    UPDATE notification_delivery
    SET state = CASE notification_id WHEN :id::uuid THEN 'sent' ELSE 'folded' END,
        finished_at = CASE notification_id WHEN :id::uuid THEN :now::timestamptz END,
        answer = :answer,
        digest = :id::uuid
    WHERE destination = :destination AND state = 'waiting' AND notification_id = ANY(:ids::text[]::uuid[])
"""
_KEEP_INTERVAL = f"""
    UPDATE notification_delivery AS delivery SET due_at = :next_at::timestamptz, message_at = :next_at::timestamptz
    FROM notification
    WHERE id = notification_id AND destination = :destination AND state = 'waiting'
      AND due_at < :next_at::timestamptz AND ({KIND}, {SUBJECT}) = (:kind, :subject)
    RETURNING id::text
"""


def _confirm(con: Connection, claimed: ClaimedDelivery, response: "Response", now: datetime) -> Result:
    """Record what the destination knows now. What happened meanwhile is told after MESSAGE_INTERVAL."""
    name, series, next_at = claimed.destination, claimed.series, now + MESSAGE_INTERVAL
    with con.transaction():
        con.query(
            _SENT,
            id=claimed.ids[-1],
            ids=claimed.ids,
            destination=name,
            answer=response.description,
            now=now,
        )
        record_told(con, name, series, claimed.state, now=now, hour_ago=now - REPETITION_INTERVAL)
        rows = con.query(
            _KEEP_INTERVAL, destination=name, kind=series.kind, subject=series.subject, next_at=next_at
        )
        revived = destination_state.record_success(con, name, response, now)
    later = [queue.message_at(row[0], name, next_at, now) for row in rows[:1]]
    queue.send_messages([*later, *(queue.message(each, name) for each in (revived or [])[:1])])
    return Result(works_again=revived is not None)


_RETRY_LATER = """
    UPDATE notification_delivery
    SET due_at = :due_at::timestamptz, message_at = :message_at::timestamptz, answer = :answer
    WHERE destination = :destination AND state = 'waiting' AND notification_id = ANY(:ids::text[]::uuid[])
"""


def _retry_later(con: Connection, claimed: ClaimedDelivery, response: "Response", now: datetime) -> Result:
    """Let the destination rest, and send the messages for the end of a short rest.

    After the rest the oldest delivery is tried again, so that everything arrives in order. But if it is the only one
    that fails, it must not hold up the others: from its second error of the server on, another goes first now and
    then, and after a success in between it waits as long as its own number of attempts says.
    """
    name, failures = claimed.destination, claimed.failures + 1
    rests_until = now + max(backoff(failures), min(response.retry_after, MAX_RETRY_AFTER))
    due_at = max(rests_until, now + backoff(claimed.attempt))
    if response.is_server_error and claimed.attempt % 3 == 2:
        due_at += HELD_BACK_FOR
    is_short = due_at - now < DISPATCHER_SENDS_AFTER
    with con.transaction():
        destination_state.record_failure(con, name, response, now, rests_until=rests_until, failures=failures)
        con.query(
            _RETRY_LATER,
            ids=claimed.ids,
            destination=name,
            due_at=due_at,
            message_at=due_at if is_short else None,
            answer=response.description,
        )
        given_up = _give_up_used_up(con, name, response.description, now)
    if is_short:
        moments = sorted({rests_until, due_at})
        queue.send_messages([queue.message_at(claimed.ids[-1], name, at, now) for at in moments])
    return Result(retry_at=due_at if given_up < len(claimed.ids) else None, given_up=given_up)


def backoff(failures: int) -> timedelta:
    """The rest after `failures` (1 or more) in a row: 10 s, doubled each time, at most 15 minutes."""
    return min(timedelta(seconds=10 * 2 ** min(failures - 1, 10)), timedelta(minutes=15))


def give_up(
    con: Connection,
    destination: str,
    reason: str,
    *,
    now: datetime,
    ids: list[str] | None = None,
    min_attempts: int = 0,
) -> int:
    """Give up the deliveries that wait for the destination and have had `min_attempts`; return and count how many."""
    sql = """
        UPDATE notification_delivery
        SET state = 'given_up', finished_at = :now::timestamptz, answer = :reason
        WHERE destination = :destination AND state = 'waiting' AND attempts >= :min_attempts::integer
          AND (:ids::text[] IS NULL OR notification_id = ANY(:ids::text[]::uuid[]))
    """
    given_up = con.execute(
        sql, destination=destination, reason=reason, now=now, ids=ids, min_attempts=min_attempts
    )
    if given_up:
        count("NotificationFailed", given_up)
    return given_up


def _give_up_used_up(con: Connection, destination: str, reason: str, now: datetime) -> int:
    given_up = give_up(con, destination, reason, now=now, min_attempts=MAX_ATTEMPTS)
    if given_up:
        destination_state.record_given_up(con, destination, reason, now)
    return given_up
