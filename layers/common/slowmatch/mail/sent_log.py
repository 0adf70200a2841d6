"""Which mails were sent: a row per mail, day and recipient, so that a repeated run repeats no mail.

A mail can go out twice only when the provider's answer is lost, or the worker dies before `sent`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from slowmatch.db import Connection
from slowmatch.text import clean


@dataclass(frozen=True, slots=True)
class Entry:
    """The identity of one mail."""

    kind: str
    day: date
    recipient: str
    edition: str = ""


def is_pending(con: Connection, entry: Entry, now: datetime) -> bool:
    """Enter the mail; False when it was sent already."""
    rows = con.query(
        """
        INSERT INTO mail_outbox AS mail (kind, day, recipient, edition, created_at)
        VALUES (:kind, CAST(:day AS date), :recipient, :edition, CAST(:now AS timestamptz))
        ON CONFLICT (kind, day, recipient, edition) DO UPDATE SET created_at = mail.created_at
        WHERE mail.sent_at IS NULL
        RETURNING 1
        """,
        kind=entry.kind,
        day=entry.day,
        recipient=entry.recipient,
        edition=entry.edition,
        now=now,
    )
    return bool(rows)


def sent(con: Connection, entry: Entry, now: datetime, answer: str) -> None:
    """Note that the provider took the mail over, whatever is in its answer."""
    con.query(
        """
        UPDATE mail_outbox SET sent_at = CAST(:now AS timestamptz), answer = :answer
        WHERE kind = :kind AND day = CAST(:day AS date) AND recipient = :recipient AND edition = :edition
        """,
        kind=entry.kind,
        day=entry.day,
        recipient=entry.recipient,
        edition=entry.edition,
        now=now,
        answer=clean(answer),
    )
