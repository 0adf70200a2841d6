"""The log of sent mail: one row for each kind, day and recipient, so that a repeated run does not repeat a mail.

A mail is sent twice only if the provider's answer is lost, or the worker dies before `mark_sent`.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from slowmatch.db import Connection
from slowmatch.text import clean


@dataclass(frozen=True, slots=True)
class Entry:
    """What identifies a mail; `edition` tells apart those that were sent again on request."""

    kind: str
    day: date
    recipient: str
    edition: str = ""


def is_unsent(con: Connection, entry: Entry, now: datetime) -> bool:
    """Add the mail to the log; False if it was sent already."""
    rows = con.query(
        """
        INSERT INTO mail_outbox AS mail (kind, day, recipient, edition, created_at)
        VALUES (:kind, :day::date, :recipient, :edition, :now::timestamptz)
        ON CONFLICT (kind, day, recipient, edition) DO UPDATE SET created_at = mail.created_at
        WHERE mail.sent_at IS NULL
        RETURNING 1
        """,
        **asdict(entry),
        now=now,
    )
    return bool(rows)


def mark_sent(con: Connection, entry: Entry, answer: str, *, now: datetime) -> None:
    con.query(
        """
        UPDATE mail_outbox
        SET sent_at = :now::timestamptz, answer = :answer
        WHERE kind = :kind AND day = :day::date AND recipient = :recipient AND edition = :edition
        """,
        **asdict(entry),
        now=now,
        answer=clean(answer),
    )
