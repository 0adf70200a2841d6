"""Routing: creates a delivery of a notification for every destination that wants it.

A change is due at once: a job that fails or works again, an alarm with another state. So are the first few
notifications that say the same after it; the others wait for the end of the hour. But a destination gets at most one
message a minute about the same job or alarm. That message stands for all that waits about it, whenever it is due.
"""

from collections.abc import Iterable
from datetime import datetime

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.notifications import queue
from slowmatch.notifications.delivery import (
    DISPATCHER_SENDS_AFTER,
    EARLY_BY,
    MESSAGE_INTERVAL,
    REPETITION_INTERVAL,
)
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.publishing import PUBLISHED_FOR
from slowmatch.notifications.series import KIND, STATE, SUBJECT

_TAKE_SERIES = f"""
    WITH taken AS (
        SELECT id
        FROM notification
        WHERE routed_at IS NULL
          AND (id = :id::uuid OR at > :oldest::timestamptz)
          AND ({KIND}, {SUBJECT}) = (SELECT {KIND}, {SUBJECT} FROM notification WHERE id = :id::uuid)
        ORDER BY at, sequence
        FOR UPDATE
    ), routed AS (
        UPDATE notification SET routed_at = :now::timestamptz
        FROM taken
        WHERE notification.id = taken.id
        RETURNING notification.*
    )
    SELECT id::text, event, job, detail ->> 'destination', {KIND}, {SUBJECT}, {STATE}
    FROM routed
    ORDER BY at, sequence
"""
"""All of the series that is not routed, so that one message stands for all of it, whatever order SNS keeps."""

_END_COUNT_AT_CHANGE = """
    UPDATE notification_series
    SET counted_since = CASE WHEN told_state = :state THEN counted_since ELSE '-infinity' END
    WHERE (kind, subject) = (:kind, :subject)
"""
"""Even if the destination does not want this notification: the failure after a recovery is told at once.

The rows stay locked, so that a worker that records what it told meanwhile finds the new deliveries.
"""

_CREATE_DELIVERIES = f"""
    WITH due AS (
        SELECT wanted.name AS destination,
               CASE WHEN counted_since > :now::timestamptz - :repetition_interval::interval
                     AND count >= :digest_after::integer
                    THEN counted_since + :repetition_interval::interval
                    ELSE GREATEST(:now::timestamptz, told_at + :message_interval::interval)
               END AS at
        FROM unnest(:destinations::text[]) AS wanted(name)
        LEFT JOIN notification_series AS told
          ON told.destination = wanted.name AND (told.kind, told.subject) = (:kind, :subject)
    )
    INSERT INTO notification_delivery (notification_id, destination, state, due_at, message_at)
    SELECT :id::uuid,
           destination,
           'waiting',
           due.at,
           CASE WHEN due.at <= :horizon::timestamptz AND NOT EXISTS (
                    SELECT FROM notification_delivery AS earlier JOIN notification ON id = earlier.notification_id
                    WHERE earlier.destination = due.destination
                      AND earlier.state = 'waiting'
                      AND earlier.message_at > :now::timestamptz + :early_by::interval
                      AND earlier.message_at <= due.at
                      AND ({KIND}, {SUBJECT}) = (:kind, :subject)
                )
                THEN due.at
           END
    FROM due
    RETURNING destination, due_at, message_at IS NOT NULL
"""
"""No message is sent if one is on its way to the series, whose worker takes care of this delivery too."""


def route(
    con: Connection,
    notification_id: str,
    destinations: Iterable[Destination],
    *,
    now: datetime,
    digest_after: int,
) -> list[sqs.Message]:
    """Create the deliveries, only once, and return the messages for those that are due soon.

    The dispatcher sends the others.
    """
    listed = list(destinations)
    messages = []
    with con.transaction():
        rows = con.query(_TAKE_SERIES, id=notification_id, now=now, oldest=now - PUBLISHED_FOR)
        for id_, event, job, about, kind, subject, state in rows:
            con.query(_END_COUNT_AT_CHANGE, kind=kind, subject=subject, state=state)
            created = con.query(
                _CREATE_DELIVERIES,
                id=id_,
                kind=kind,
                subject=subject,
                destinations=[each.name for each in listed if each.name != about and each.wants(event, job)],
                now=now,
                early_by=EARLY_BY,
                digest_after=digest_after,
                horizon=now + DISPATCHER_SENDS_AFTER,
                message_interval=MESSAGE_INTERVAL,
                repetition_interval=REPETITION_INTERVAL,
            )
            messages += [
                queue.message_at(id_, name, due_at, now) for name, due_at, is_soon in created if is_soon
            ]
    return messages
