"""One delivery: claimed in the database, sent, and noted. A destination has one worker at a time."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.notify.destinations import Destination
from slowmatch.notify.post import Answer
from slowmatch.notify.routing import Notification, record

LEASE = timedelta(seconds=30)
"""After this long a worker that said nothing is taken for dead. Longer than any POST may take."""
EARLY = timedelta(seconds=1)
BUSY = timedelta(seconds=1)
"""When to look again at a destination that another worker is sending to."""
MOST_ATTEMPTS = 20
"""With the rests between them: over three hours."""
LONGEST_REST = timedelta(hours=6)
"""A Retry-After beyond this is not believed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """This worker alone may send `told` now; `folded` others are told of with it."""

    told: Notification
    attempt: int
    folded: int


def backoff(failures: int) -> timedelta:
    """The rest after failure number `failures` (1-based) in a row: 10 s, doubled, at most 15 minutes."""
    return min(timedelta(seconds=10 * 2 ** min(failures - 1, 10)), timedelta(minutes=15))


def claim(con: Connection, notification_id: str, to: Destination, now: datetime) -> Claim | datetime | None:
    """The claim, or when to come again, or None when there is nothing left to do."""
    with con.transaction():
        free_at, off = _locked(con, to, now)
        found = _waiting(con, notification_id, to.name)
        if found is None:
            return None
        told, due_at, attempts, folded = found
        if off:
            give_up(con, notification_id, to.name, now, "the destination is switched off")
            return None
        if free_at is not None or due_at > now + EARLY:
            again_at = max(due_at, free_at or due_at)
            _postpone(con, notification_id, to.name, again_at)
            return again_at
        if attempts >= MOST_ATTEMPTS:  # the last one ended without a word
            give_up(con, notification_id, to.name, now, f"no answer to {attempts} attempts")
            return None
        _hold(con, notification_id, to.name, now)
        return Claim(told, attempts + 1, folded)


def _locked(con: Connection, to: Destination, now: datetime) -> tuple[datetime | None, bool]:
    """When the destination is free again (None: now), and whether it is switched off; others wait for us."""
    ((free_at, off),) = con.query(
        """
        INSERT INTO notification_destination AS known (name, fingerprint) VALUES (:name, :fingerprint)
        ON CONFLICT (name) DO UPDATE SET
            fingerprint = EXCLUDED.fingerprint,
            rests_until = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.rests_until END,
            failures = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.failures ELSE 0 END,
            switched_off_at = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.switched_off_at END,
            reason = CASE WHEN known.fingerprint = EXCLUDED.fingerprint THEN known.reason END
        RETURNING CASE WHEN rests_until > CAST(:now AS timestamptz) THEN rests_until
                       WHEN busy_until > CAST(:now AS timestamptz) THEN CAST(:look_again AS timestamptz) END,
                  switched_off_at IS NOT NULL
        """,
        name=to.name,
        fingerprint=to.fingerprint,
        now=now,
        look_again=now + BUSY,
    )
    return free_at, off


def _waiting(
    con: Connection, notification_id: str, destination: str
) -> tuple[Notification, datetime, int, int] | None:
    """What is to be told, when it is due, the attempts so far, and how many are told of with it."""
    rows = con.query(
        """
        SELECT told.id::text, told.at, told.event, told.job, told.run_id::text, told.detail,
               delivery.due_at, delivery.attempts,
               (SELECT count(*) FROM notification_delivery AS folded
                WHERE folded.digest = told.id AND folded.destination = delivery.destination)
        FROM notification_delivery AS delivery JOIN notification AS told ON told.id = delivery.notification_id
        WHERE delivery.notification_id = CAST(:id AS uuid) AND delivery.destination = :name
          AND delivery.state = 'waiting'
        """,
        id=notification_id,
        name=destination,
    )
    if not rows:
        return None
    *told, due_at, attempts, folded = rows[0]
    return Notification(*told), due_at, attempts, folded


def _postpone(con: Connection, notification_id: str, destination: str, until: datetime) -> None:
    con.query(
        """
        UPDATE notification_delivery SET message_at = CAST(:until AS timestamptz)
        WHERE notification_id = CAST(:id AS uuid) AND destination = :destination
        """,
        id=notification_id,
        destination=destination,
        until=until,
    )


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
        SET due_at = CAST(:until AS timestamptz), message_at = CAST(:until AS timestamptz), answer = :answer
        WHERE notification_id = CAST(:id AS uuid) AND destination = :destination AND state = 'waiting'
        """,
        id=notification_id,
        destination=destination,
        until=until,
        answer=answer.words,
    )
    return until


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


def give_up(con: Connection, notification_id: str, destination: str, now: datetime, why: str) -> None:
    """No further attempt is made."""
    _close(con, notification_id, destination, "given_up", now, why)


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
        WITH off AS (
            UPDATE notification_destination
            SET switched_off_at = CAST(:now AS timestamptz), reason = :reason WHERE name = :name
        )
        UPDATE notification_delivery
        SET state = 'given_up', finished_at = CAST(:now AS timestamptz), answer = 'the destination was switched off'
        WHERE destination = :name AND state = 'waiting'
        """,
        name=destination,
        now=now,
        reason=reason,
    )


def tell_switched_off(con: Connection, to: Destination, now: datetime) -> str | None:
    """Note for the others that `to` is switched off; once for each address."""
    detail = {
        "alarm": f"Notifications to {to.name}",
        "state": "ALARM",
        "reason": "It answered 410 Gone and is switched off. A new address in the secret switches it on again.",
    }
    return record(con, now, "alarm", f"switched off {to.name} {to.fingerprint}", json.dumps(detail))
