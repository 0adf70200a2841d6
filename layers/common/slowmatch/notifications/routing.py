"""Routing: creates a delivery of a notification for every destination that wants it.

A destination receives the first few notifications of an event and subject each hour one by one. Those after them are
digested: they become one message when the hour ends.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.notifications import delivery
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.message import Notification

_CREATE_DELIVERIES = """
    WITH counted AS (
        INSERT INTO notification_fold AS hour (destination, event, subject, since, count)
        SELECT destination, :event, :subject, :now::timestamptz, 1
        FROM unnest(:destinations::text[]) AS destination
        ON CONFLICT (destination, event, subject) DO UPDATE SET
            since = CASE WHEN hour.since > :hour_ago::timestamptz THEN hour.since ELSE EXCLUDED.since END,
            count = CASE WHEN hour.since > :hour_ago::timestamptz THEN hour.count + 1 ELSE 1 END,
            digest = CASE WHEN hour.since > :hour_ago::timestamptz AND hour.count >= :digest_after::integer
                          THEN COALESCE(
                              (SELECT notification_id
                               FROM notification_delivery
                               WHERE notification_id = hour.digest AND destination = hour.destination
                                   AND state = 'waiting'),
                              :id::uuid
                          ) END
        RETURNING destination, since, digest
    )
    INSERT INTO notification_delivery (notification_id, destination, state, due_at, message_at, digest)
    SELECT :id::uuid,
           destination,
           CASE WHEN digest <> :id::uuid THEN 'folded' ELSE 'waiting' END,
           CASE WHEN digest IS NULL THEN :now::timestamptz ELSE since + interval '1 hour' END,
           CASE WHEN digest IS NULL THEN :now::timestamptz END,
           digest
    FROM counted
    RETURNING destination, digest IS NULL
"""
"""`digest` is the notification whose delivery stands for all that are digested in this hour; NULL for the first few.

It is the first one that is digested, as long as its delivery waits. If that was given up, the next one replaces it.
"""


def route(
    con: Connection,
    notification_id: str,
    destinations: Iterable[Destination],
    *,
    now: datetime,
    digest_after: int,
) -> list[sqs.Message]:
    """Create the deliveries, only once, and return the messages for those that are due now."""
    with con.transaction():
        rows = con.query(
            """
            UPDATE notification SET routed_at = :now::timestamptz
            WHERE id = :id::uuid AND routed_at IS NULL
            RETURNING id::text, at, event, job, run_id::text, detail
            """,
            id=notification_id,
            now=now,
        )
        if not rows:
            return []
        notification = Notification(*rows[0])
        wanted = [each.name for each in destinations if each.wants(notification.event, notification.job)]
        deliveries = con.query(
            _CREATE_DELIVERIES,
            id=notification.id,
            event=notification.event,
            subject=notification.subject,
            destinations=wanted,
            now=now,
            hour_ago=now - timedelta(hours=1),
            digest_after=digest_after,
        )
    return [delivery.message(notification_id, name) for name, is_due_now in deliveries if is_due_now]
