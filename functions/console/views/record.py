"""A record's status and history as the pages show them."""

from datetime import datetime, timedelta
from typing import Any

from console.views.formatting import parse
from slowmatch.records.model import SOON_HOURS

EXPIRY_JOB = "record-expiry"
STATUS_LABELS = {"active": "active", "soon": "expiring soon", "due": "due", "expired": "expired"}


def with_status(record: dict[str, Any], now: datetime) -> dict[str, Any]:
    status = _status(record, now)
    return {**record, "status": status, "status_label": STATUS_LABELS[status]}


def _status(record: dict[str, Any], now: datetime) -> str:
    """active, soon, expired, or due: its date has passed, but the hourly job has not marked it yet."""
    expiry_date = parse(record["expiry_date"])
    if record["is_expired"]:
        return "expired"
    if expiry_date <= now:
        return "due"
    return "soon" if expiry_date <= now + timedelta(hours=SOON_HOURS) else "active"


def history(record: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest first: the kept events, and those that follow from the record itself.

    Jobs log a whole batch, not each of its records, and a record may be older than the history.
    """
    found = [*events]
    if record["is_expired"]:
        found.append(
            {"at": _expired_at(record, events), "action": "expired", "actor": EXPIRY_JOB, "detail": {}}
        )
    if not any(event["action"] == "created" for event in events):
        found.append({"at": record["created_at"], "action": "created", "actor": None, "detail": {}})
    return sorted(found, key=lambda event: (parse(event["at"]), event["action"] == "expired"), reverse=True)


def _expired_at(record: dict[str, Any], events: list[dict[str, Any]]) -> str:
    """The expiry date, or when it was set, if that was later."""
    set_at = [event["at"] for event in events if "expiry_date" in event["detail"].get("before", {})]
    times: list[str] = [record["expiry_date"], record["created_at"], *set_at[:1]]
    return max(times, key=parse)
