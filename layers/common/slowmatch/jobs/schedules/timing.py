"""When a schedule fires: cron, rate or a single time, in a time zone, from a start to an end.

The rules are EventBridge Scheduler's: a local time that the clocks skip does not fire, and one that they repeat fires
the first time only. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from slowmatch.jobs import cron, cron_description

MAX_EXPRESSION_CHARACTERS = 256
MAX_PARSED = 2000
"""How many expressions are kept parsed: more than a stack has schedules."""
PLACE = "the name of a place, such as Europe/Berlin, or UTC"

_NAMES_OF_UTC = ("etc/utc", "etc/uct", "etc/universal", "etc/zulu", "etc/gmt", "gmt", "uct", "z", "zulu")
_PLACE = re.compile(r"(?!Etc/)\w+/\S+")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", re.ASCII)


class ScheduleError(ValueError):
    """A schedule that is not accepted. `field` is the offending field's name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times of a schedule, all aware and in UTC: not before `starts_at`, and before `ends_at`.

    Those of cron and rate are `recurring`; otherwise there is a single one, `at`.
    """

    expression: str
    zone: ZoneInfo
    recurring: cron.Schedule | None
    at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None

    @property
    def is_rate(self) -> bool:
        """Whether its times are known to AWS alone, which counts them from a moment that it does not tell."""
        return self.recurring is not None and self.recurring.rate is not None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times later than `moment`. A rate is counted from the epoch."""
        if self.starts_at and moment < self.starts_at:
            moment = self.starts_at - timedelta(microseconds=1)
        if moment >= cron.END:
            return iter(())
        return takewhile(self._allows, self._times_after(moment))

    def next_after(self, moment: datetime) -> datetime | None:
        return next(self.after(moment), None)

    def is_over(self, now: datetime) -> bool:
        """Whether no time is later than `now`; of a rate, whether its end has come."""
        if self.is_rate:
            return self.ends_at is not None and self.ends_at <= now
        return self.next_after(now) is None

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The times in (after, until]."""
        return takewhile(lambda at: at <= until, self.after(after))

    def describe(self) -> str:
        """The times in plain English, such as "every day at 07:00 Europe/Berlin"; without start and end."""
        if self.at is None:
            return cron_description.describe(self.expression, self.zone.key)
        local = self.at.astimezone(self.zone)
        return f"once, on {local.day} {local:%B %Y at %H:%M} {self.zone.key}"

    def includes(self, moment: datetime) -> bool:
        """Whether it is one of the times; of a rate, whether it is between start and end."""
        if self.is_rate:
            return self._allows(moment)
        return self.next_after(moment - timedelta(microseconds=1)) == moment

    def _allows(self, moment: datetime) -> bool:
        """Whether the start has come by then, and the end has not."""
        has_started = self.starts_at is None or self.starts_at <= moment
        return has_started and moment < (self.ends_at or cron.END)

    def _times_after(self, moment: datetime) -> Iterator[datetime]:
        if self.recurring is None:
            return (at for at in [self.at] if at and at > moment)
        if self.recurring.rate is not None:
            return self.recurring.after(moment)
        # cron counts in whatever clock it is given: here the local one, as if it were UTC. In an hour that the clocks
        # repeat, that gives the times of the first one, which are over.
        clocks = self.recurring.after(moment.astimezone(self.zone).replace(tzinfo=UTC))
        times = (_in_utc(clock.replace(tzinfo=self.zone)) for clock in clocks)
        return (at for at in times if at and at > moment)


def parse(
    expression: str, time_zone: str, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> Timing:
    """Raises ScheduleError naming the field, what is wrong, and what to write instead."""
    for field, value in (("starts_at", starts_at), ("ends_at", ends_at)):
        if value is not None and value.tzinfo is None:
            raise ScheduleError(field, f"{value.isoformat()} has no offset: write 2026-12-31T12:00:00Z")
    if starts_at and ends_at and starts_at >= ends_at:
        message = f"{ends_at.isoformat()} must be later than starts_at, which is {starts_at.isoformat()}"
        raise ScheduleError("ends_at", message)
    zone = _zone(time_zone)
    parsed, at = _parse_expression(expression, zone)
    return Timing(
        expression=expression.strip(),
        zone=zone,
        recurring=parsed,
        at=at,
        starts_at=starts_at,
        ends_at=ends_at,
    )


@cache
def zones() -> list[str]:
    """The time zones that a schedule can have: UTC, and the places of the IANA database, in order."""
    return ["UTC", *sorted(name for name in available_timezones() if _PLACE.fullmatch(name))]


@lru_cache
def _zone(name: str) -> ZoneInfo:
    if name in zones():
        return ZoneInfo(name)
    known = {each.rpartition("/")[2].lower(): each for each in zones()}
    known |= {each.lower(): each for each in zones()} | dict.fromkeys(_NAMES_OF_UTC, "UTC")
    wanted = name.lower().replace(" ", "_")
    if wanted in known:
        message = f"{name!r} is not a time zone: did you mean {known[wanted]}?"
    elif re.match(r"(Etc/)?(UTC|GMT|Z)?[+-]?\d|[+-]", name, re.IGNORECASE):
        message = f"{name!r} is an offset, which does not follow daylight saving: write {PLACE}"
    elif re.fullmatch(r"[A-Z]{2,5}(\d[A-Z]{3})?", name):
        message = f"{name!r} is an abbreviation: write {PLACE}"
    else:
        near = get_close_matches(wanted, known, n=1, cutoff=0.8)
        hint = f"did you mean {known[near[0]]}?" if near else f"write {PLACE}"
        message = f"{name!r} is not a time zone: {hint}"
    raise ScheduleError("time_zone", message)


@lru_cache(maxsize=MAX_PARSED)
def _parse_expression(expression: str, zone: ZoneInfo) -> tuple[cron.Schedule | None, datetime | None]:
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        message = f"has {len(expression):,} characters; at most {MAX_EXPRESSION_CHARACTERS} are allowed"
        raise ScheduleError("expression", message)
    if expression.strip().startswith("at("):
        return None, _parse_at(expression.strip(), zone)
    try:
        return cron.parse(expression, f"'at(2026-12-24T07:00:00)', {cron.FORMS}"), None
    except ValueError as error:
        raise ScheduleError("expression", str(error)) from error


def _parse_at(expression: str, zone: ZoneInfo) -> datetime:
    found = _AT.fullmatch(expression)
    try:
        local = datetime.fromisoformat(found[1]).replace(tzinfo=zone) if found else None
        if local is None or local.second:
            raise ValueError
        at = _in_utc(local)
    except (ValueError, OverflowError):
        message = f"{expression!r} is not a time: write a whole minute, such as at(2026-12-24T07:00:00)"
        raise ScheduleError("expression", message) from None
    if at is None:
        message = f"{local:%H:%M} on {local:%Y-%m-%d} does not exist in {zone.key}, where the clocks skip it:"
        raise ScheduleError("expression", f"{message} write another time")
    return at


def _in_utc(local: datetime) -> datetime | None:
    """The local time, the first one if the clocks repeat it; None if they skip it."""
    at = local.replace(fold=0).astimezone(UTC)
    return at if at.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None) else None
