"""Which schedule was valid at which time, so that an occurrence is missed by the one of its time.

Between the last look that saw one schedule and the first that saw another, nobody knows when it was changed: in that
time an occurrence counts as due only if both have it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from slowmatch.jobs.model import JsonRow
from slowmatch.jobs.schedules import timing


@dataclass(frozen=True, slots=True)
class RuleState(JsonRow):
    """A job's rule as every look from `first` to `last` found it. Without a rule, `schedule` is None."""

    schedule: str | None
    enabled: bool
    first: datetime
    last: datetime

    def occurrences(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The scheduled occurrences in (after, until]. Those of a rate are unknown, see Timing.is_rate."""
        if self.schedule is None or not self.enabled:
            return iter(())
        try:
            found = self._timing()
        except timing.ScheduleError:
            return iter(())
        return iter(()) if found.is_rate else found.between(after, until)

    def _timing(self) -> timing.Timing:
        return timing.parse(self.schedule or "", "UTC")


@dataclass(frozen=True, slots=True)
class ScheduleState(RuleState):
    """A schedule that was made at run time, in the same way."""

    job: str
    time_zone: str
    starts_at: datetime | None
    ends_at: datetime | None

    def _timing(self) -> timing.Timing:
        return timing.parse(self.schedule or "", self.time_zone, self.starts_at, self.ends_at)


State = TypeVar("State", bound=RuleState)


def add_look(history: Sequence[State], found: State, checked_to: datetime) -> list[State]:
    """The history after one more look, without states that ended before `checked_to`."""
    kept = [state for state, following in pairwise(history) if following.first > checked_to]
    kept += history[-1:]
    if kept and kept[-1] == replace(found, first=kept[-1].first, last=kept[-1].last):
        return [*kept[:-1], replace(kept[-1], last=max(kept[-1].last, found.last))]
    return [*kept, found]


def due_occurrences(history: Sequence[RuleState], after: datetime, until: datetime) -> list[datetime]:
    """The occurrences in (after, until] that were certainly due, in order. The last state holds until `until`."""
    found: set[datetime] = set()
    for state in history:
        end = until if state is history[-1] else min(until, state.last)
        found.update(state.occurrences(max(after, state.first), end))
    for state, following in pairwise(history):
        start, end = max(after, state.last), min(until, following.first)
        found.update({*state.occurrences(start, end)} & {*following.occurrences(start, end)})
    return sorted(found)
