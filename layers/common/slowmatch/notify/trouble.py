"""Whether people would hear of anything: for the health check."""

from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.notify.delivery import switched_off
from slowmatch.notify.topic import TOLD_LATE

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
