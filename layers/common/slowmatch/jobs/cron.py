"""EventBridge's schedule expressions: when they fire next, by a clock without daylight saving.

They are `cron(minute hour day month weekday year)` and `rate(n unit)`. The rules are AWS's:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
"""

import calendar
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

MONTHS = {name: n for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
WEEKDAYS = {name: n for n, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
MINUTES = {"minute": 1, "hour": 60, "day": 1440}
FORMS = "'rate(5 minutes)' or 'cron(minute hour day month weekday year)'"
FIRST_YEAR, LAST_YEAR = 1970, 2199
END = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
"""Of cron; rates and single times end there too."""
DaysOf = Callable[[int, int], Sequence[int]]
"""The days of a month, which is given with its year, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A parsed expression. The numbers are in order. Times are aware and in UTC; the resolution is one minute."""

    minutes: Sequence[int] = ()
    hours: Sequence[int] = ()
    days_of: DaysOf = lambda *_: ()
    months: Sequence[int] = ()
    years: Sequence[int] = ()
    rate: timedelta | None = None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times later than `moment`, until the years are over.

        A rate is counted from the epoch, not from the creation of its rule.
        """
        start = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        if self.rate is not None:
            step = int(self.rate.total_seconds())
            first = -(-int(start.timestamp()) // step) * step
            for seconds in range(first, int(END.timestamp()), step):
                yield datetime.fromtimestamp(seconds, UTC)
            return
        for day in self._days_from(start):
            is_first = day.date() == start.date()
            for hour in self.hours:
                if is_first and hour < start.hour:
                    continue
                for minute in self.minutes:
                    at = day.replace(hour=hour, minute=minute)
                    if at >= start:
                        yield at

    def next_after(self, moment: datetime) -> datetime | None:
        return next(self.after(moment), None)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The times in (after, until]."""
        return takewhile(lambda at: at <= until, self.after(after))

    def _days_from(self, start: datetime) -> Iterator[datetime]:
        """Whole months are skipped, and no day is looked at that is not one of the schedule."""
        for year in self.years[bisect_left(self.years, start.year) :]:
            for month in self.months:
                if (year, month) >= (start.year, start.month):
                    for number in self.days_of(year, month):
                        day = datetime(year, month, number, tzinfo=UTC)
                        if day.date() >= start.date():
                            yield day


def parse(expression: str, forms: str = FORMS) -> Schedule:
    """Raises ValueError naming the part that EventBridge would refuse; `forms` is what may be written instead."""
    text = expression.strip()
    if text.startswith("rate("):
        return Schedule(rate=_rate(text))
    cron = re.fullmatch(r"cron\(([^()]*)\)", text)
    parts = (cron[1] if cron else text).split()
    if cron is None or len(parts) != 6:
        is_cron = cron or re.match(r"[0-9*]", text)
        hint = f"; cron has 6 fields, and this has {len(parts)}" if is_cron and len(parts) != 6 else ""
        raise ValueError(f"{expression!r} is not a schedule: write {forms}{hint}")
    minute, hour, days, month, weekdays, year = parts
    if (days == "?") == (weekdays == "?"):
        raise ValueError(f"{expression!r}: exactly one of day and weekday must be '?'")
    return Schedule(
        minutes=read_numbers("minute", minute, 0, 59),
        hours=read_numbers("hour", hour, 0, 23),
        days_of=_days_by_weekday(weekdays) if days == "?" else _days_by_number(days),
        months=read_numbers("month", month, 1, 12, names=MONTHS),
        years=read_numbers("year", year, FIRST_YEAR, LAST_YEAR),
    )


def parse_or_none(expression: str) -> Schedule | None:
    """As `parse`, but None for an expression that EventBridge would refuse."""
    try:
        return parse(expression)
    except ValueError:
        return None


def _rate(text: str) -> timedelta:
    found = re.fullmatch(r"rate\(([^ ()]+) ([^ ()]+)\)", text)
    if not found:
        raise ValueError(f"{text!r} is not a rate: write 'rate(5 minutes)'")
    number, unit = found[1], found[2].removesuffix("s")
    if unit not in MINUTES:
        raise ValueError(f"{text!r}: the unit {found[2]!r} must be minutes, hours or days")
    if not re.fullmatch(r"[1-9][0-9]{0,6}", number):
        message = f"the number {number!r} must be between 1 and 9999999, without zeros in front"
        raise ValueError(f"{text!r}: {message}")
    if (number == "1") != (unit == found[2]):
        raise ValueError(f"{text!r}: write 'rate(1 {unit})' for one, 'rate(2 {unit}s)' for more")
    return timedelta(minutes=int(number) * MINUTES[unit])


def read_numbers(
    what: str, text: str, low: int, high: int, *, names: dict[str, int] | None = None
) -> Sequence[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|([0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?)(?:/([0-9]+))?", part)
        if not match:
            form = "write a number, a range such as 1-5, or steps such as */5"
            raise ValueError(f"{what} {text!r} has a part {part!r} that is not valid: {form}")
        span, begin, end, step = match.groups()
        if span == "*":
            first, last = low, high
        else:
            first = _number(what, begin, names)
            last = _number(what, end, names) if end else (high if step else first)
        if not (low <= first <= high and low <= last <= high):
            raise ValueError(f"{what} {part!r} must be between {low} and {high}")
        if first > last:
            bottom, *_, top = names if names and begin.isalpha() else (low, high)
            raise ValueError(f"{what} {span!r} runs backwards: write {begin}-{top},{bottom}-{end}")
        if step and not 1 <= int(step) <= high:
            raise ValueError(f"{what} {part!r} has the step {step}, which must be between 1 and {high}")
        values.update(range(first, last + 1, int(step or 1)))
    return sorted(values)


def _number(what: str, text: str, names: dict[str, int] | None) -> int:
    if names and text.upper() in names:
        return names[text.upper()]
    if not text.isdigit():
        known = f", nor one of {', '.join(names)}" if names else ""
        raise ValueError(f"{what} {text!r} is not a number{known}")
    return int(text)


def _days_by_number(days: str) -> DaysOf:
    form = days.upper()
    if form == "L":
        return lambda year, month: [_last_day(year, month)]
    if form == "LW":
        return lambda year, month: _nearest_weekday(year, month, _last_day(year, month))
    if re.fullmatch(r"([1-9]|[12][0-9]|3[01])W", form):
        return lambda year, month: _nearest_weekday(year, month, int(days[:-1]))
    if "L" in form or "W" in form:
        raise ValueError(f"day {days!r} has L or W, which must stand alone: write L, LW, or 1W to 31W")
    numbers = read_numbers("day", days, 1, 31)
    return lambda year, month: numbers[: bisect_right(numbers, _last_day(year, month))]


def _nearest_weekday(year: int, month: int, wanted: int) -> Sequence[int]:
    """The day from Monday to Friday that is nearest to a day of the month, none if the month does not have that."""
    last = _last_day(year, month)
    if wanted > last:
        return []
    weekday = calendar.weekday(year, month, wanted)
    if weekday == calendar.SATURDAY:
        return [wanted - 1 if wanted > 1 else wanted + 2]
    if weekday == calendar.SUNDAY:
        return [wanted + 1 if wanted < last else wanted - 2]
    return [wanted]


def _last_day(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _days_by_weekday(weekdays: str) -> DaysOf:
    form = weekdays.upper()
    if form == "L":
        return lambda year, month: _days_on(year, month, [WEEKDAYS["SAT"]])
    special = re.fullmatch(r"([1-7]|[A-Z]{3})(L|#([1-5]))", form)
    if not special and ("L" in form or "#" in form):
        message = "has L or #, which must stand alone: write L, 1L to 7L, or 1#1 to 7#5"
        raise ValueError(f"weekday {weekdays!r} {message}")
    numbers = read_numbers("weekday", special[1] if special else weekdays, 1, 7, names=WEEKDAYS)
    if not special:
        return lambda year, month: _days_on(year, month, numbers)
    if special[3]:
        week = int(special[3])
        return lambda year, month: _days_on(year, month, numbers)[week - 1 : week]
    return lambda year, month: _days_on(year, month, numbers)[-1:]


def _days_on(year: int, month: int, weekdays: Sequence[int]) -> Sequence[int]:
    """The days of the month on these weekdays, of which Sunday is 1."""
    first, last = calendar.monthrange(year, month)
    return [day for day in range(1, last + 1) if (first + day) % 7 + 1 in weekdays]
