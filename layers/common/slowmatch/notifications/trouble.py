"""Whether people would hear of anything: for the health check."""

from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.notifications.topic import TOLD_LATE

ROUTED_WITHIN = timedelta(minutes=12)
"""By then the dispatcher has published it twice: the notifier fails, for example over its secret."""


def trouble(con: Connection, now: datetime) -> str | None:
    """What is wrong, in words, or None."""
    if off := switched_off(con):
        return f"switched off after 410 Gone: {', '.join(off)}"
    rows = con.query(
        """
        SELECT FROM notification
        WHERE routed_at IS NULL AND at > CAST(:oldest AS timestamptz) AND at < CAST(:late AS timestamptz) LIMIT 1
        """,
        oldest=now - TOLD_LATE,
        late=now - ROUTED_WITHIN,
    )
    return "the notifier does not take what there is to tell; its log has the reason" if rows else None


def switched_off(con: Connection) -> dict[str, str]:
    """Name and reason of the destinations that nothing goes to any more."""
    rows = con.query(
        "SELECT name, reason FROM notification_destination WHERE switched_off_at IS NOT NULL ORDER BY name"
    )
    return dict(rows)
