"""Delivery: what is waiting for a destination is sent in order, by one worker at a time.

A worker claims the oldest delivery that is due, sends it, records the response and takes the next. A message that
arrives meanwhile, or while the destination rests after a failure, has nothing to do: that worker, or the message at
the end of the rest, takes care of everything that is waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.message import Notification
from slowmatch.settings import settings

if TYPE_CHECKING:  # the dispatcher starts without http.client
    from slowmatch.notifications.sender import Response

QUEUE = "notify"
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
RESEND_AFTER = timedelta(minutes=10)


def message(notification_id: str, destination: str, delay_seconds: int = 0) -> sqs.Message:
    """The message that something, for example this notification, waits for the destination."""
    body = {"notification": notification_id, "destination": destination}
    return sqs.Message(destination, body, delay_seconds)


def send_messages(messages: Sequence[sqs.Message], deadline: Deadline = NEVER) -> int:
    """Send at most one message to each destination, and return how many SQS accepted by the deadline.

    The dispatcher finds the deliveries of the others.
    """
    return len(messages) - len(sqs.send(settings().queue_url_prefix + QUEUE, messages, deadline).ids)


_NOTE_MESSAGES = """
    WITH waiting AS (
        SELECT delivery.*, known.rests_until
        FROM notification_delivery AS delivery
        LEFT JOIN notification_destination AS known ON known.name = delivery.destination
        WHERE delivery.state = 'waiting'
    ), due AS (
        SELECT DISTINCT ON (destination) notification_id, destination, GREATEST(due_at, rests_until) AS at
        FROM waiting
        WHERE GREATEST(due_at, rests_until) <= :horizon::timestamptz
          AND NOT EXISTS (
              SELECT FROM waiting AS sent
              WHERE sent.destination = waiting.destination
                AND sent.message_at > :overdue::timestamptz
                AND (sent.message_at < sent.rests_until) IS NOT TRUE
          )
        ORDER BY destination, due_at
    )
    UPDATE notification_delivery AS delivery SET message_at = GREATEST(due.at, :now::timestamptz)
    FROM due
    WHERE delivery.notification_id = due.notification_id AND delivery.destination = due.destination
    RETURNING delivery.notification_id::text, delivery.destination, due.at
"""


def send_waiting(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Send one message to each destination for which something is due within SQS's delay.

    No message is sent if one is on its way, unless that arrives before the end of the rest and so does nothing.
    """
    rows = con.query(
        _NOTE_MESSAGES,
        now=now,
        horizon=now + timedelta(seconds=sqs.MAX_DELAY_SECONDS),
        overdue=now - RESEND_AFTER,
    )
    messages = [
        message(notification_id, name, sqs.delay_seconds(at, now)) for notification_id, name, at in rows
    ]
    return send_messages(messages, deadline)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """The right to send `notification`, for which `digested` others wait, to `destination` now."""

    notification: Notification
    destination: str
    failures: int
    attempt: int
    digested: int


_LOCK_DESTINATION = """
    INSERT INTO notification_destination AS known (name, fingerprint)
    VALUES (:name, :fingerprint)
    ON CONFLICT (name) DO UPDATE SET
        fingerprint = EXCLUDED.fingerprint,
        rests_until = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.rests_until END,
        failures = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.failures ELSE 0 END,
        switched_off_at = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.switched_off_at END,
        reason = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.reason END
    RETURNING switched_off_at IS NOT NULL,
              GREATEST(rests_until - :early_by::interval, busy_until) > :now::timestamptz,
              failures
"""
"""Returns whether the destination is switched off, whether it is busy or rests, and its failures in a row.

A new address starts afresh.
"""

_OLDEST_DUE = """
    SELECT id, destination
    FROM notification_delivery JOIN notification ON id = notification_id
    WHERE destination = :destination AND state = 'waiting' AND due_at <= :due_by::timestamptz
    ORDER BY due_at, at, id
    LIMIT 1
"""
"""A delivery that failed is due later than those that were waiting, so that it does not hold them up."""

_CLAIM_OLDEST_DUE = f"""
    WITH oldest AS ({_OLDEST_DUE}),
    busy AS (
        UPDATE notification_destination SET busy_until = :busy_until::timestamptz
        FROM oldest
        WHERE name = oldest.destination
    )
    UPDATE notification_delivery AS delivery SET attempts = attempts + 1
    FROM oldest JOIN notification USING (id)
    WHERE notification_id = id AND delivery.destination = oldest.destination
    RETURNING attempts,
              (SELECT count(*) FROM notification_delivery AS digested
               WHERE digested.digest = id AND digested.destination = delivery.destination),
              id::text, at, event, job, run_id::text, detail
"""


def claim(con: Connection, destination: Destination, now: datetime) -> ClaimedDelivery | None:
    """Claim the oldest delivery that is due; None if there is none, or nothing may be sent now."""
    with con.transaction():
        ((is_off, is_busy, failures),) = con.query(
            _LOCK_DESTINATION,
            name=destination.name,
            fingerprint=destination.fingerprint,
            now=now,
            early_by=EARLY_BY,
        )
        if is_off:
            give_up(con, destination.name, "the destination is switched off", now=now)
        if is_off or is_busy:
            return None
        # Nobody is sending, so the last attempt ended without a response.
        reason = f"no response after {MAX_ATTEMPTS} attempts"
        give_up(con, destination.name, reason, now=now, min_attempts=MAX_ATTEMPTS)
        rows = con.query(
            _CLAIM_OLDEST_DUE, destination=destination.name, due_by=now + EARLY_BY, busy_until=now + LEASE
        )
    if not rows:
        return None
    attempt, digested, *notification = rows[0]
    return ClaimedDelivery(
        notification=Notification(*notification),
        destination=destination.name,
        failures=failures,
        attempt=attempt,
        digested=digested,
    )


def next_message(con: Connection, destination: str, now: datetime) -> list[sqs.Message]:
    """The message for what is due next; none if nothing is."""
    rows = con.query(_OLDEST_DUE, destination=destination, due_by=now + EARLY_BY)
    return [message(str(notification_id), name) for notification_id, name in rows]


_FINISH = """
    WITH released AS (
        UPDATE notification_destination
        SET busy_until = NULL,
            rests_until = NULL,
            failures = 0,
            switched_off_at = :switched_off_at::timestamptz,
            reason = :reason::text
        WHERE name = :destination
    )
    UPDATE notification_delivery
    SET state = :state, finished_at = :now::timestamptz, answer = :answer
    WHERE notification_id = :id::uuid AND destination = :destination AND state = 'waiting'
"""


def finish(con: Connection, claimed: ClaimedDelivery, response: "Response", now: datetime) -> datetime | None:
    """Record the response; return when the next attempt is due, or None if the delivery is over.

    After 410 Gone nothing is sent to the destination until the secret has another address for it.
    """
    if response.is_temporary and claimed.attempt < MAX_ATTEMPTS:
        return _retry_later(con, claimed, response, now)
    with con.transaction():
        con.query(
            _FINISH,
            id=claimed.notification.id,
            destination=claimed.destination,
            state="sent" if response.is_success else "given_up",
            answer=response.description,
            now=now,
            switched_off_at=now if response.is_gone else None,
            reason=response.description if response.is_gone else None,
        )
        if response.is_gone:
            give_up(con, claimed.destination, "the destination was switched off", now=now)
    return None


_RETRY_LATER = """
    WITH rest AS (
        UPDATE notification_destination
        SET busy_until = NULL, rests_until = :due_at::timestamptz, failures = :failures
        WHERE name = :destination
    )
    UPDATE notification_delivery
    SET due_at = :due_at::timestamptz, message_at = :message_at::timestamptz, answer = :answer
    WHERE notification_id = :id::uuid AND destination = :destination AND state = 'waiting'
"""


def _retry_later(con: Connection, claimed: ClaimedDelivery, response: "Response", now: datetime) -> datetime:
    """Let the destination rest, and send the message for the end of a short rest."""
    failures, notification_id = claimed.failures + 1, claimed.notification.id
    due_at = now + max(backoff(failures), min(response.retry_after, MAX_RETRY_AFTER))
    is_short = due_at - now < DISPATCHER_SENDS_AFTER
    con.query(
        _RETRY_LATER,
        id=notification_id,
        destination=claimed.destination,
        due_at=due_at,
        message_at=due_at if is_short else None,
        failures=failures,
        answer=response.description,
    )
    if is_short:
        send_messages([message(notification_id, claimed.destination, sqs.delay_seconds(due_at, now))])
    return due_at


def backoff(failures: int) -> timedelta:
    """The rest after `failures` (1 or more) in a row: 10 s, doubled each time, at most 15 minutes."""
    return min(timedelta(seconds=10 * 2 ** min(failures - 1, 10)), timedelta(minutes=15))


def give_up(con: Connection, destination: str, reason: str, *, now: datetime, min_attempts: int = 0) -> None:
    """Give up every delivery that waits for the destination and has had `min_attempts`."""
    sql = """
        UPDATE notification_delivery
        SET state = 'given_up', finished_at = :now::timestamptz, answer = :reason
        WHERE destination = :destination AND state = 'waiting' AND attempts >= :min_attempts::integer
    """
    con.query(sql, destination=destination, reason=reason, now=now, min_attempts=min_attempts)
