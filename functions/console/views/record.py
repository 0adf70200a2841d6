"""What a record has been through, as its page tells it."""

from datetime import datetime, timedelta
from typing import Any

from console.views.formatting import parse
from slowmatch.records.model import SOON_HOURS

EXPIRY_JOB = "record-expiry"
STANDINGS = {"active": "active", "soon": "expiring soon", "due": "due", "expired": "expired"}


def standing(record: dict[str, Any], now: datetime) -> str:
    """active, soon, due (its date has passed, the hourly job has not come by yet) or expired."""
    expiry_date = parse(record["expiry_date"])
    if record["is_expired"]:
        return "expired"
    if expiry_date <= now:
        return "due"
    return "soon" if expiry_date <= now + timedelta(hours=SOON_HOURS) else "active"


def with_standing(record: dict[str, Any], now: datetime) -> dict[str, Any]:
    """`standing` is a name of colour, `standing_words` what is read."""
    found = standing(record, now)
    return {**record, "standing": found, "standing_words": STANDINGS[found]}


def tell(record: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest first: what people did, and what follows from the record itself.

    Jobs note a batch, not each record of it; a record may be older than its history.
    """
    story = [*events]
    if record["is_expired"]:
        story.append({"at": _came(record, events), "action": "expired", "actor": EXPIRY_JOB, "detail": {}})
    if not any(event["action"] == "created" for event in events):
        story.append({"at": record["created_at"], "action": "created", "actor": None, "detail": {}})
    return sorted(story, key=lambda event: (parse(event["at"]), event["action"] == "expired"), reverse=True)


def _came(record: dict[str, Any], events: list[dict[str, Any]]) -> str:
    """When the date had come: not before somebody set it."""
    set_at = [event["at"] for event in events if "expiry_date" in event["detail"].get("before", {})]
    moments: list[str] = [record["expiry_date"], record["created_at"], *set_at[:1]]
    return max(moments, key=parse)
