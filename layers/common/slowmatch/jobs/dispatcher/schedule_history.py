"""Which schedules a job's rule was seen with, and which ticks were due by the one that was valid at the time.

The dispatcher reads a rule every five minutes. Between the last look that saw one schedule and the first that saw
another, nobody knows when it was changed: there a tick counts as due only if both of them have it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from slowmatch.jobs import cron


@dataclass(frozen=True, slots=True)
class Seen:
    """A rule as it was found at every look from `first` to `last`. Without a rule, `schedule` is None."""

    schedule: str | None
    enabled: bool
    first: datetime
    last: datetime

    @classmethod
    def from_json(cls, kept: dict[str, str | bool | None]) -> "Seen":
        first, last = (datetime.fromisoformat(str(kept[name])) for name in ("first", "last"))
        schedule = kept["schedule"]
        return cls(None if schedule is None else str(schedule), bool(kept["enabled"]), first, last)

    def to_json(self) -> dict[str, str | bool | None]:
        return {
            "schedule": self.schedule,
            "enabled": self.enabled,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }

    def is_like(self, other: "Seen") -> bool:
        return (self.schedule, self.enabled) == (other.schedule, other.enabled)

    def ticks(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The ticks in (after, until] by this schedule.

        Those of a rate are unknown: EventBridge counts them from the making of the rule, whose minute it tells nobody.
        """
        parsed = cron.parse_or_none(self.schedule) if self.schedule and self.enabled else None
        return iter(()) if parsed is None or parsed.rate else parsed.between(after, until)


def look(history: Sequence[Seen], found: Seen, checked_to: datetime) -> list[Seen]:
    """The history after one more look at the rule, without what is over and checked."""
    kept = [seen for seen, following in pairwise(history) if following.first > checked_to]
    kept += history[-1:]
    if kept and kept[-1].is_like(found):
        return [*kept[:-1], replace(kept[-1], last=found.last)]
    return [*kept, found]


def due(history: Sequence[Seen], after: datetime, until: datetime) -> list[datetime]:
    """The ticks in (after, until] that were certainly due, in order. The last schedule holds until `until`."""
    found: set[datetime] = set()
    for seen in history:
        end = until if seen is history[-1] else min(until, seen.last)
        found.update(seen.ticks(max(after, seen.first), end))
    for seen, following in pairwise(history):
        start, end = max(after, seen.last), min(until, following.first)
        found.update({*seen.ticks(start, end)} & {*following.ticks(start, end)})
    return sorted(found)
