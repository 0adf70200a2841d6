"""What waits for a destination, sent in order by one worker at a time.

A worker claims the oldest delivery that is due, sends it, notes the answer and takes the next. A message that
arrives meanwhile, or while the destination rests after a failure, ends there: the worker, or the message with
which the rest ends, sees to all that waits.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.routing import Notification, record
from slowmatch.notifications.sender import Answer

LEASE = timedelta(seconds=30)
"""After this long a worker that said nothing is taken for dead. Longer than any POST may take."""
EARLY = timedelta(seconds=1)
MOST_ATTEMPTS = 20
"""With the rests between them: over three hours."""
LONGEST_REST = timedelta(hours=6)
"""A Retry-After beyond this is not believed."""
DISPATCHER_SENDS_AFTER = timedelta(minutes=5)
"""A rest as long as this ends with a message of the dispatcher, which looks every five minutes.

So five failures in a row are the most that follow one another by messages that the notifier sends to itself.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """This worker alone may send `told` now; `folded` others are told of with it."""

    told: Notification
    attempt: int
    folded: int


def backoff(failures: int) -> timedelta:
    """The rest after failure number `failures` (1-based) in a row: 10 s, doubled, at most 15 minutes."""
    return min(timedelta(seconds=10 * 2 ** min(failures - 1, 10)), timedelta(minutes=15))


def claim(con: Connection, to: Destination, now: datetime) -> Claim | None:
    """Claim the oldest delivery that is due; None if there is none, or nothing may be sent to `to` now."""
    with con.transaction():
        free, off = _locked(con, to, now)
        if off:
            give_up(con, to.name, now, "the destination is switched off")
        while free and not off and (found := oldest_due(con, to.name, now)):
            told, attempts, folded = found
            if attempts < MOST_ATTEMPTS:
                _hold(con, told.id, to.name, now)
                return Claim(told, attempts + 1, folded)
            # The last attempt ended without a word.
            _close(con, told.id, to.name, "given_up", now, f"no answer to {attempts} attempts")
        return None


def _locked(con: Connection, to: Destination, now: datetime) -> tuple[bool, bool]:
    """Whether the destination neither is busy nor rests, and whether it is switched off; others wait for us."""
    ((free, off),) = con.query(
        """
        INSERT INTO notification_destination AS known (name, fingerprint) VALUES (:name, :fingerprint)
        ON CONFLICT (name) DO UPDATE SET
            fingerprint = EXCLUDED.fingerprint,
            rests_until = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.rests_until END,
            failures = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.failures ELSE 0 END,
            switched_off_at = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.switched_off_at END,
            reason = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.reason END
        RETURNING (rests_until > CAST(:due_by AS timestamptz)) IS NOT TRUE
                  AND (busy_until > CAST(:now AS timestamptz)) IS NOT TRUE,
                  switched_off_at IS NOT NULL
        """,
        name=to.name,
        fingerprint=to.fingerprint,
        now=now,
        due_by=now + EARLY,
    )
    return free, off


def oldest_due(con: Connection, destination: str, now: datetime) -> tuple[Notification, int, int] | None:
    """What is to be told next, the attempts so far, and how many others are told of with it.

    One that failed is due later than what was waiting, so that it does not hold up the rest.
    """
    rows = con.query(
        """
        SELECT told.id::text, told.at, told.event, told.job, told.run_id::text, told.detail, delivery.attempts,
               (SELECT count(*) FROM notification_delivery AS folded
                WHERE folded.digest = told.id AND folded.destination = delivery.destination)
        FROM notification_delivery AS delivery JOIN notification AS told ON told.id = delivery.notification_id
        WHERE delivery.destination = :destination AND delivery.state = 'waiting'
          AND delivery.due_at <= CAST(:due_by AS timestamptz)
        ORDER BY delivery.due_at, told.at, told.id LIMIT 1
        """,
        destination=destination,
        due_by=now + EARLY,
    )
    if not rows:
        return None
    *told, attempts, folded = rows[0]
    return Notification(*told), attempts, folded


def _hold(con: Connection, notification_id: str, destination: str, now: datetime) -> None:
    con.query(
        """
        WITH held AS (
            UPDATE notification_destination SET busy_until = CAST(:until AS timestamptz) WHERE name = :destination
        )
        UPDATE notification_delivery SET attempts = attempts + 1
        WHERE notification_id = CAST(:id AS uuid) AND destination = :destination
        """,
        id=notification_id,
        destination=destination,
        until=now + LEASE,
    )


def note(con: Connection, claimed: Claim, destination: str, answer: Answer, now: datetime) -> datetime | None:
    """Write down what came of it; when to try again, or None when this delivery is over."""
    with con.transaction():
        if answer.again and claimed.attempt < MOST_ATTEMPTS:
            return _rest(con, claimed.told.id, destination, answer, now)
        _release(con, destination, None, 0)
        state = "sent" if answer.taken else "given_up"
        _close(con, claimed.told.id, destination, state, now, answer.words)
        if answer.gone:
            _switch_off(con, destination, now, answer.words)
        return None


def _rest(con: Connection, notification_id: str, destination: str, answer: Answer, now: datetime) -> datetime:
    """Let the destination alone for a while; until when."""
    ((failures,),) = con.query(
        "SELECT failures + 1 FROM notification_destination WHERE name = :name", name=destination
    )
    until = now + max(backoff(failures), min(answer.retry_after, LONGEST_REST))
    _release(con, destination, until, failures)
    con.query(
        """
        UPDATE notification_delivery
        SET due_at = CAST(:until AS timestamptz), message_at = CAST(:message_at AS timestamptz), answer = :answer
        WHERE notification_id = CAST(:id AS uuid) AND destination = :destination AND state = 'waiting'
        """,
        id=notification_id,
        destination=destination,
        until=until,
        message_at=until if sends_itself(now, until) else None,
        answer=answer.words,
    )
    return until


def sends_itself(now: datetime, until: datetime) -> bool:
    """Whether the notifier sends the message with which a rest ends, and not the dispatcher."""
    return until - now < DISPATCHER_SENDS_AFTER


def _release(con: Connection, destination: str, rests_until: datetime | None, failures: int) -> None:
    con.query(
        """
        UPDATE notification_destination
        SET busy_until = NULL, rests_until = CAST(:until AS timestamptz), failures = CAST(:failures AS integer)
        WHERE name = :name
        """,
        name=destination,
        until=rests_until,
        failures=failures,
    )


def give_up(con: Connection, destination: str, now: datetime, why: str) -> None:
    """Make no further attempt to send what waits for a destination."""
    con.query(
        """
        UPDATE notification_delivery
        SET state = 'given_up', finished_at = CAST(:now AS timestamptz), answer = :why
        WHERE destination = :destination AND state = 'waiting'
        """,
        destination=destination,
        now=now,
        why=why,
    )


def _close(
    con: Connection, notification_id: str, destination: str, state: str, now: datetime, answer: str
) -> None:
    con.query(
        """
        UPDATE notification_delivery
        SET state = :state, finished_at = CAST(:now AS timestamptz), answer = :answer
        WHERE notification_id = CAST(:id AS uuid) AND destination = :destination AND state = 'waiting'
        """,
        id=notification_id,
        destination=destination,
        state=state,
        now=now,
        answer=answer,
    )


def _switch_off(con: Connection, destination: str, now: datetime, reason: str) -> None:
    """Nothing goes there any more, until the secret has another address for it."""
    con.query(
        """
        UPDATE notification_destination
        SET switched_off_at = CAST(:now AS timestamptz), reason = :reason WHERE name = :name
        """,
        name=destination,
        now=now,
        reason=reason,
    )
    give_up(con, destination, now, "the destination was switched off")


def tell_switched_off(con: Connection, to: Destination, now: datetime) -> str | None:
    """Note for the others that `to` is switched off; once for each address."""
    detail = {
        "alarm": f"Notifications to {to.name}",
        "state": "ALARM",
        "reason": "It answered 410 Gone and is switched off. A new address in the secret switches it on again.",
    }
    return record(con, now, "alarm", f"switched off {to.name} {to.fingerprint}", json.dumps(detail))
