"""Who gets a notification: a delivery for each destination that wants it, folded when there are many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.queue import Pointer

WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Notification:
    """One row of `notification`; `subject` is what a storm is counted by."""

    id: str
    at: datetime
    event: str
    job: str | None
    run_id: str | None
    detail: dict[str, Any]

    @property
    def subject(self) -> str:
        return self.job or str(self.detail.get("alarm", ""))


def record(
    con: Connection, now: datetime, event: str, key: str, detail: str, job: str | None = None
) -> str | None:
    """Note something to tell, with `detail` as JSON text; its id, or None when `key` is noted already."""
    rows = con.query(
        """
        INSERT INTO notification (at, event, job, key, detail)
        VALUES (CAST(:now AS timestamptz), :event, CAST(:job AS text), :key, CAST(:detail AS jsonb))
        ON CONFLICT DO NOTHING RETURNING id::text
        """,
        now=now,
        event=event,
        job=job,
        key=key,
        detail=detail,
    )
    return rows[0][0] if rows else None


def route(
    con: Connection, notification_id: str, wanted_by: Sequence[Destination], now: datetime, fold_after: int
) -> list[Pointer]:
    """Make the deliveries, once, and return the messages to send for those that are due now."""
    with con.transaction():
        rows = con.query(
            """
            UPDATE notification SET routed_at = CAST(:now AS timestamptz)
            WHERE id = CAST(:id AS uuid) AND routed_at IS NULL
            RETURNING id::text, at, event, job, run_id::text, detail
            """,
            id=notification_id,
            now=now,
        )
        if not rows:
            return []
        told = Notification(*rows[0])
        return [
            pointer
            for destination in wanted_by
            if destination.wants(told.event, told.job)
            for pointer in _deliver(con, told, destination.name, now, fold_after)
        ]


def _deliver(
    con: Connection, told: Notification, destination: str, now: datetime, fold_after: int
) -> list[Pointer]:
    since, digest = _count(con, told, destination, now, fold_after)
    # The first that is too many waits for the others, and tells at the end of the hour how many they were.
    due_at = since + WINDOW if digest else now
    con.query(
        """
        INSERT INTO notification_delivery (notification_id, destination, state, due_at, message_at, digest)
        VALUES (CAST(:id AS uuid), :destination, :state, CAST(:due_at AS timestamptz),
                CAST(:message_at AS timestamptz), CAST(:digest AS uuid))
        """,
        id=told.id,
        destination=destination,
        state="waiting" if digest in (None, told.id) else "folded",
        due_at=due_at,
        message_at=None if digest else now,
        digest=digest,
    )
    return [] if digest else [Pointer(told.id, destination, now)]


def _count(
    con: Connection, told: Notification, destination: str, now: datetime, fold_after: int
) -> tuple[datetime, str | None]:
    """When the hour of this notification began, and which one tells of it: None when it goes out by itself.

    One that is over, given up with its destination for example, tells of no other: then this one does.
    """
    ((since, digest),) = con.query(
        """
        INSERT INTO notification_fold AS fold (destination, event, subject, since, count)
        VALUES (:destination, :event, :subject, CAST(:now AS timestamptz), 1)
        ON CONFLICT (destination, event, subject) DO UPDATE SET
            since = CASE WHEN fold.since > CAST(:ended AS timestamptz) THEN fold.since ELSE EXCLUDED.since END,
            count = CASE WHEN fold.since > CAST(:ended AS timestamptz) THEN fold.count + 1 ELSE 1 END,
            digest = CASE WHEN fold.since > CAST(:ended AS timestamptz) AND fold.count >= CAST(:fold_after AS integer)
                          THEN COALESCE(
                              (SELECT notification_id FROM notification_delivery
                               WHERE notification_id = fold.digest AND destination = fold.destination
                                   AND state = 'waiting'),
                              CAST(:id AS uuid)
                          ) END
        RETURNING since, digest::text
        """,
        destination=destination,
        event=told.event,
        subject=told.subject,
        now=now,
        ended=now - WINDOW,
        fold_after=fold_after,
        id=told.id,
    )
    return since, digest
