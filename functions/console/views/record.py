"""A record as its pages show it: its status, and its history."""

import json
from datetime import datetime, timedelta
from typing import Any

from console.web.formatting import parse
from slowmatch.records.model import SOON_HOURS
from slowmatch.records.queries import StoredRecord


def with_status(record: dict[str, Any], now: datetime) -> dict[str, Any]:
    """active, soon, expired, or due: its date has passed, but the hourly job has not marked it yet."""
    expiry_date = parse(record["expiry_date"])
    if record["is_expired"]:
        status = "expired"
    elif expiry_date <= now:
        status = "due"
    else:
        status = "soon" if expiry_date <= now + timedelta(hours=SOON_HOURS) else "active"
    return {**record, "status": status}


def read(stored: StoredRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored.text)
    return found


def history(record: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest first: the kept events, and those that follow from the record itself.

    Jobs log a whole batch, not each of its records, and a record may be older than the history.
    """
    found = [*events]
    if record["is_expired"]:
        # It expired on its expiry date, or when that was set, if that was later.
        set_at = [event["at"] for event in events if "expiry_date" in event["detail"].get("before", {})]
        at: str = max(record["expiry_date"], record["created_at"], *set_at[:1], key=parse)
        found.append({"at": at, "action": "expired", "actor": "record-expiry", "detail": {}})
    if not any(event["action"] == "created" for event in events):
        found.append({"at": record["created_at"], "action": "created", "actor": None, "detail": {}})
    return sorted(found, key=lambda event: (parse(event["at"]), event["action"] == "expired"), reverse=True)
