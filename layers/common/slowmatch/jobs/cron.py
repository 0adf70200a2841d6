"""EventBridge's schedule expressions: when they fire next by a clock without daylight saving, and what they mean.

They are `cron(minute hour day month weekday year)` and `rate(n unit)`. The rules are AWS's:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
"""

import calendar
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

MONTHS = {name: n for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
WEEKDAYS = {name: n for n, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
MINUTES = {"minute": 1, "hour": 60, "day": 1440}
FORMS = "'rate(5 minutes)' or 'cron(minute hour day month weekday year)'"
END = datetime(2200, 1, 1, tzinfo=UTC)
"""The last year of a cron expression is 2199; rates and single times end there too."""
ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
DAY_NAMES = (calendar.day_name[6], *calendar.day_name[:6])
NAMED_DAYS = {"L": "last day", "LW": "last weekday (Monday to Friday)"}
WEEKS = {"L": "last", "#1": "first", "#2": "second", "#3": "third", "#4": "fourth", "#5": "fifth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A parsed expression. The numbers are in order. Times are aware and in UTC; the resolution is one minute."""

    minutes: Sequence[int] = ()
    hours: Sequence[int] = ()
    is_day: Callable[[datetime], bool] = lambda _: True
    months: Sequence[int] = ()
    years: Sequence[int] = ()
    rate: timedelta | None = None

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time later than `moment`, or None if the years are over.

        A rate is counted from the epoch, not from the creation of its rule.
        """
        start = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        if self.rate is not None:
            step = int(self.rate.total_seconds())
            seconds = -(-int(start.timestamp()) // step) * step
            return datetime.fromtimestamp(seconds, UTC) if seconds < END.timestamp() else None
        day = start.replace(hour=0, minute=0)
        while day.year <= self.years[-1]:
            if day.month not in self.months or day.year not in self.years:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self.is_day(day):
                hours = [hour for hour in self.hours if day > start or hour >= start.hour]
                for hour, minute in product(hours, self.minutes):
                    at = day.replace(hour=hour, minute=minute)
                    if at >= start:
                        return at
            day += timedelta(days=1)
        return None

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The times in (after, until]."""
        at = self.next_after(after)
        while at is not None and at <= until:
            yield at
            at = self.next_after(at)


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
        minutes=_numbers("minute", minute, 0, 59),
        hours=_numbers("hour", hour, 0, 23),
        is_day=_day_of_week(weekdays) if days == "?" else _day_of_month(days),
        months=_numbers("month", month, 1, 12, names=MONTHS),
        years=_numbers("year", year, 1970, END.year - 1),
    )


def parse_or_none(expression: str) -> Schedule | None:
    """As `parse`, but None for an expression that EventBridge would refuse."""
    try:
        return parse(expression)
    except ValueError:
        return None


def describe(expression: str, time_zone: str = "UTC") -> str:
    """The schedule in plain English, or the expression itself where that would be shorter.

    `cron(30 7 ? * MON-FRI *)` is "Monday to Friday at 07:30 UTC".
    """
    itself = expression if time_zone == "UTC" else f"{expression} {time_zone}"
    if parse_or_none(expression) is None:
        return itself
    rate = re.fullmatch(r"rate\((\d+) (\w+)\)", expression.strip())
    if rate:
        return f"every {rate[2]}" if rate[1] == "1" else f"every {rate[1]} {rate[2]}"
    minute, hour, days, month, weekdays, year = expression.strip()[5:-1].upper().split()
    on, at = _describe_days(days, weekdays, month), _describe_time(minute, hour, time_zone)
    if on is None or at is None or year != "*":
        return itself
    if at.startswith("every"):
        return at if on == "every day" else f"{at}, {on}"
    return f"{on} {at}"


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


def _numbers(
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


def _day_of_month(days: str) -> Callable[[datetime], bool]:
    form = days.upper()
    if form == "L":
        return lambda day: day.day == _last_day(day)
    if form == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last_day(day))
    if re.fullmatch(r"([1-9]|[12][0-9]|3[01])W", form):
        return lambda day: day.day == _nearest_weekday(day, int(days[:-1]))
    if "L" in form or "W" in form:
        raise ValueError(f"day {days!r} has L or W, which must stand alone: write L, LW, or 1W to 31W")
    numbers = _numbers("day", days, 1, 31)
    return lambda day: day.day in numbers


def _nearest_weekday(day: datetime, wanted: int) -> int | None:
    """The day from Monday to Friday that is nearest to a day of the month, None if the month does not have that."""
    if wanted > _last_day(day):
        return None
    weekday = day.replace(day=wanted).weekday()
    if weekday == calendar.SATURDAY:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == calendar.SUNDAY:
        return wanted + 1 if wanted < _last_day(day) else wanted - 2
    return wanted


def _last_day(day: datetime) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _day_of_week(weekdays: str) -> Callable[[datetime], bool]:
    form = weekdays.upper()
    if form == "L":
        return lambda day: _weekday_number(day) == WEEKDAYS["SAT"]
    special = re.fullmatch(r"([1-7]|[A-Z]{3})(L|#([1-5]))", form)
    if not special and ("L" in form or "#" in form):
        message = "has L or #, which must stand alone: write L, 1L to 7L, or 1#1 to 7#5"
        raise ValueError(f"weekday {weekdays!r} {message}")
    numbers = _numbers("weekday", special[1] if special else weekdays, 1, 7, names=WEEKDAYS)
    if not special:
        return lambda day: _weekday_number(day) in numbers
    if special[3]:
        return lambda day: _weekday_number(day) in numbers and (day.day + 6) // 7 == int(special[3])
    return lambda day: _weekday_number(day) in numbers and day.day + 7 > _last_day(day)


def _weekday_number(day: datetime) -> int:
    return day.isoweekday() % 7 + 1


def _describe_time(minute: str, hour: str, time_zone: str) -> str | None:
    every_minutes, every_hours = _describe_step(minute, "minute", 60), _describe_step(hour, "hour", 24)
    if every_minutes and hour == "*":
        return every_minutes
    if every_hours:
        return _describe_minutes_past(every_hours, minute)
    if not minute.isdigit():
        return None
    span = re.fullmatch(r"(\d+)-(\d+)", hour)
    if span:
        return f"every hour from {_clock(span[1], minute)} to {_clock(span[2], minute)} {time_zone}"
    hours = _listed(hour)
    return f"at {_join([_clock(each, minute) for each in hours])} {time_zone}" if hours else None


def _describe_step(text: str, unit: str, whole: int) -> str | None:
    """`*/15` is "every 15 minutes". None for a step that does not divide the `whole`, and for anything else."""
    step = re.fullmatch(r"\*|(?:\*|0)/(\d+)", text)
    if not step or whole % int(step[1] or 1):
        return None
    return f"every {unit}" if step[1] in (None, "1") else f"every {step[1]} {unit}s"


def _describe_minutes_past(every: str, minute: str) -> str | None:
    minutes = _listed(minute)
    if minutes == ["0"]:
        return f"{every}, on the hour"
    unit = "minute" if minutes == ["1"] else "minutes"
    return f"{every}, {_join(minutes)} {unit} past" if minutes else None


def _describe_days(days: str, weekdays: str, month: str) -> str | None:
    """Such as "every Monday in June", or "on the 1st of every June"."""
    months = "month" if month == "*" else _describe_names(month, MONTHS, calendar.month_name[1:])
    if months is None:
        return None
    is_span = " to " in months
    of = f"every month from {months}" if is_span else f"every {months}"
    during = "" if month == "*" else f" from {months}" if is_span else f" in {months}"
    if "*" in (days, weekdays) or weekdays in ("SUN-SAT", "1-7"):
        return f"every day{during}"
    if weekdays == "?":
        ordinals = [f"{n}{ORDINALS.get(n, 'th')}" for n in map(int, _listed(days) or ())]
        day = NAMED_DAYS.get(days) or (_join(ordinals) if ordinals else None)
        return day and f"on the {day} of {of}"
    of_month = re.fullmatch(r"(\w+)(L|#[1-5])", weekdays)
    names = _describe_names(of_month[1] if of_month else weekdays, WEEKDAYS | {"L": 7}, DAY_NAMES)
    if of_month and names:
        return f"on the {WEEKS[of_month[2]]} {names} of {of}"
    return names and f"{'' if ' to ' in names else 'every '}{names}{during}"


def _describe_names(text: str, numbers: dict[str, int], names: Sequence[str]) -> str | None:
    """`MON-FRI`, or `2-6`, is "Monday to Friday". None for what is neither a span nor a list."""
    parts = text.split("-") if "-" in text else list(dict.fromkeys(text.split(",")))
    found = [numbers.get(part) or (int(part) if part.isdigit() else 0) for part in parts]
    if not all(found):
        return None
    named = [names[number - 1] for number in found]
    return " to ".join(named) if "-" in text else _join(named)


def _listed(text: str) -> list[str] | None:
    """The numbers of `0,30`, each once; None for anything else."""
    parts = text.split(",")
    return list(dict.fromkeys(str(int(part)) for part in parts)) if all(map(str.isdigit, parts)) else None


def _clock(hour: str, minute: str) -> str:
    return f"{int(hour):02}:{int(minute):02}"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
