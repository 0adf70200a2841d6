"""A schedule that was made at run time, and what can be wrong with a change of one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from slowmatch.jobs.model import JsonRow
from slowmatch.jobs.schedules import timing
from slowmatch.jobs.schedules.history import ScheduleState
from slowmatch.jobs.schedules.timing import ScheduleError, Timing

NEW = 0
"""As `version`: the schedule must not exist yet."""
DELAYED = timedelta(minutes=10)
"""A single time that is nearer than this when it is put is a delayed run, and not projected."""
NEXT_TIMES = 5
CHOICES = ("job", "payload", "expression", "time_zone", "starts_at", "ends_at", "enabled")
"""What people choose; the events have it before and after."""


class NoSuchSchedule(LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no schedule {name!r}")


class ScheduleConflict(Exception):
    """Somebody else has made, changed or deleted the schedule meanwhile. `current` is what it is now, or None."""

    def __init__(self, name: str, version: int, current: "Schedule | None") -> None:
        if current is None:
            message = f"there is no schedule {name!r}: perhaps it was deleted in the meantime"
        elif version == NEW:
            message = f"there is already a schedule {name!r}, of {current.job}: choose another name, or change that one"
        else:
            message = f"schedule {name!r} was changed in the meantime by {current.changed_by}: read it again"
        super().__init__(message)
        self.current = current


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(JsonRow):
    """A schedule that was made at run time.

    `in_force` is the version that EventBridge Scheduler has, null if it has none, and `sync_error` says why it does not
    have the latest. It is `paused_in_aws` if somebody disabled or changed it there. `delayed_run` is the id of the run
    that waits for its single time, see `is_delayed_run`.
    """

    name: str
    job: str
    payload: dict[str, Any]
    expression: str
    time_zone: str
    starts_at: datetime | None
    ends_at: datetime | None
    enabled: bool
    version: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    in_force: int | None
    sync_error: str | None
    sync_failed_at: datetime | None
    sync_attempts: int
    paused_in_aws: bool
    delayed_run: str | None

    @property
    def timing(self) -> Timing:
        """Raises ScheduleError if there is an `error`."""
        return timing.parse(self.expression, self.time_zone, self.starts_at, self.ends_at)

    @property
    def error(self) -> str | None:
        """Why its times are not known, though it was accepted once: its zone may be gone from the database of zones."""
        try:
            self.timing  # noqa: B018
        except ScheduleError as error:
            return error.message
        return None

    @property
    def words(self) -> str:
        return f"{self.expression} {self.time_zone}" if self.error else self.timing.describe()

    @property
    def is_rate(self) -> bool:
        return self.error is None and self.timing.is_rate

    @property
    def is_delayed_run(self) -> bool:
        """Whether it is carried out by a delayed run, which exists already, and not by EventBridge Scheduler."""
        at = None if self.error else self.timing.at
        return at is not None and at - self.changed_at < DELAYED

    def next_times(self, now: datetime) -> list[datetime]:
        """The next NEXT_TIMES times, in its zone; none if it is paused, or if its delayed run waits no longer."""
        if self.error or not self.enabled or (self.is_delayed_run and self.delayed_run is None):
            return []
        return [at.astimezone(self.timing.zone) for at in islice(self.timing.after(now), NEXT_TIMES)]

    def choices(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in CHOICES}

    def state(self, now: datetime) -> ScheduleState:
        """What a look at EventBridge Scheduler finds when this version is in force."""
        return ScheduleState(
            self.expression,
            self.enabled,
            now,
            now,
            job=self.job,
            time_zone=self.time_zone,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )
