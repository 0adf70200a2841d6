"""Spans of time cut into equal buckets, aligned to UTC, the last of them the present one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

STEPS = {
    "24h": (timedelta(hours=1), 24),
    "7d": (timedelta(hours=6), 28),
    "30d": (timedelta(days=1), 30),
}


@dataclass(frozen=True, slots=True)
class Window:
    """Buckets [start, start + step), ... of which the one at `last` is not over yet."""

    start: datetime
    last: datetime
    step: timedelta


def window(name: str, now: datetime) -> Window:
    """Raises KeyError for a name that is not in STEPS."""
    step, number = STEPS[name]
    seconds = int(step.total_seconds())
    last = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
    return Window(last - step * (number - 1), last, step)
