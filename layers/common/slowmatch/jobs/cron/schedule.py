"""EventBridge's schedule expressions: `cron(minute hour day month weekday year)` and `rate(n unit)`, in UTC.

The rules are AWS's: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = {name: n for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
WEEKDAYS = {name: n for n, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
RATE_MINUTES = {"minute": 1, "hour": 60, "day": 1440}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed expression. Times are aware and in UTC; resolution is one minute."""

    expression: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    rate: timedelta | None = None

    def next_after(self, moment: datetime) -> datetime | None:
        """The first firing later than `moment`, or None when the years are over.

        A rate is counted from the epoch, not from the making of its rule.
        """
        start = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        if self.rate is not None:
            step = int(self.rate.total_seconds())
            return datetime.fromtimestamp(-(-int(start.timestamp()) // step) * step, UTC)
        last = max(self.years)
        day = start.replace(hour=0, minute=0)
        while day.year <= last:
            if day.month not in self.months or day.year not in self.years:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if _day_of_month(self.days, day) and _day_of_week(self.weekdays, day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        at = day.replace(hour=hour, minute=minute)
                        if at >= start:
                            return at
            day += timedelta(days=1)
        return None

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The firings in (after, until]."""
        at = self.next_after(after)
        while at is not None and at <= until:
            yield at
            at = self.next_after(at)


def parse(expression: str) -> Schedule:
    """Raises ValueError naming the part that EventBridge would refuse."""
    rate = re.fullmatch(r"rate\(([1-9][0-9]{0,6}) (minute|hour|day)(s?)\)", expression.strip())
    every = frozenset(range(24))
    if rate:
        number, unit, plural = int(rate[1]), rate[2], rate[3]
        if (number == 1) == bool(plural):
            raise ValueError(f"{expression!r}: write 'rate(1 {unit})' for one, 'rate(2 {unit}s)' for more")
        step = timedelta(minutes=number * RATE_MINUTES[unit])
        return Schedule(expression, every, every, "*", every, "?", every, step)
    cron = re.fullmatch(r"cron\(([^()]*)\)", expression.strip())
    parts = cron[1].upper().split() if cron else []
    if len(parts) != 6:
        raise ValueError(
            f"{expression!r} is not a schedule: 'rate(5 minutes)' or 'cron(minute hour day month weekday year)'"
        )
    minute, hour, days, month, weekdays, year = parts
    if (days == "?") == (weekdays == "?"):
        raise ValueError(f"{expression!r}: exactly one of day and weekday must be '?'")
    schedule = Schedule(
        expression,
        _numbers("minute", minute, 0, 59),
        _numbers("hour", hour, 0, 23),
        days,
        _numbers("month", month, 1, 12, MONTHS),
        weekdays,
        _numbers("year", year, 1970, 2199),
    )
    _check_days(days, weekdays)
    return schedule


def understood(expression: str) -> Schedule | None:
    """As `parse`, but None for what cannot be parsed."""
    try:
        return parse(expression)
    except ValueError:
        return None


def _numbers(
    what: str, text: str, low: int, high: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|[0-9A-Z]+(?:-[0-9A-Z]+)?)(?:/([0-9]+))?", part)
        if not match:
            raise ValueError(f"{what} {text!r} is not understood")
        span, step = match[1], int(match[2] or 1)
        if span == "*":
            first, last = low, high
        else:
            begin, _, end = span.partition("-")
            first = _number(what, begin, names)
            last = _number(what, end, names) if end else (high if match[2] else first)
        if not (low <= first <= last <= high) or step < 1:
            raise ValueError(f"{what} {text!r} must lie between {low} and {high}")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(what: str, text: str, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdigit():
        raise ValueError(f"{what} {text!r} is not a number")
    return int(text)


def _check_days(days: str, weekdays: str) -> None:
    if days not in ("?", "L", "LW") and not re.fullmatch(r"([1-9]|[12][0-9]|3[01])W", days):
        _numbers("day", days, 1, 31)
    if weekdays not in ("?", "L"):
        special = re.fullmatch(r"([1-7]|[A-Z]{3})(L|#[1-5])", weekdays)
        _numbers("weekday", special[1] if special else weekdays, 1, 7, WEEKDAYS)


def _day_of_month(days: str, day: datetime) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if days == "?":
        return True
    if days == "L":
        return day.day == last
    if days.endswith("W"):
        wanted = last if days == "LW" else int(days[:-1])
        return wanted <= last and day.day == _nearest_weekday(day, wanted, last)
    return day.day in _numbers("day", days, 1, 31)


def _nearest_weekday(day: datetime, wanted: int, last: int) -> int:
    weekday = day.replace(day=wanted).weekday()
    if weekday == calendar.SATURDAY:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == calendar.SUNDAY:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted


def _day_of_week(weekdays: str, day: datetime) -> bool:
    today = day.isoweekday() % 7 + 1
    if weekdays == "?":
        return True
    if weekdays == "L":
        return today == 7
    special = re.fullmatch(r"([1-7]|[A-Z]{3})(L|#([1-5]))", weekdays)
    if special:
        if today != _number("weekday", special[1], WEEKDAYS):
            return False
        if special[3]:
            return (day.day - 1) // 7 + 1 == int(special[3])
        return day.day + 7 > calendar.monthrange(day.year, day.month)[1]
    return today in _numbers("weekday", weekdays, 1, 7, WEEKDAYS)
