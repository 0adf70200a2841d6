"""EventBridge's schedule expressions in plain English."""

import calendar
import re
from collections.abc import Callable, Sequence
from itertools import product

from slowmatch.jobs import cron

MAX_CLOCK_TIMES = 3
"""So many times a day are listed, even if they have the same distance."""
MIN_SERIES = 4
"""So many numbers of the same distance are "every 2 hours from ... to ...", fewer are listed."""
DAY_NAMES = (calendar.day_name[6], *calendar.day_name[:6])
SPECIAL_DAYS = {"L": "last day", "LW": "last weekday (Monday to Friday)"}
WEEKS = {"L": "last", "#1": "first", "#2": "second", "#3": "third", "#4": "fourth", "#5": "fifth"}
SUFFIXES = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}


def describe(expression: str, time_zone: str = "UTC") -> str:
    """The schedule as a person would say it; the expression itself if EventBridge would refuse it.

    `cron(30 7 ? * MON-FRI *)` is "Monday to Friday at 07:30 UTC".
    """
    schedule = cron.parse_or_none(expression)
    if schedule is None:
        return expression if time_zone == "UTC" else f"{expression} {time_zone}"
    rate = re.fullmatch(r"rate\((\d+) ([a-z]+?)s?\)", expression.strip())
    if rate:
        return _every(int(rate[1]), rate[2])
    _, _, days, _, weekdays, _ = expression.strip()[5:-1].upper().split()
    on = _of_month(days, schedule) if weekdays == "?" else _of_week(weekdays, schedule)
    at = _times(schedule.minutes, schedule.hours, time_zone)
    if at.startswith("every"):
        return at if on == "every day" else f"{at}, {on}"
    return f"{on} at {at}"


def _times(minutes: Sequence[int], hours: Sequence[int], time_zone: str) -> str:
    """Such as "07:30 UTC", "every 5 minutes" or "every hour from 08:15 to 17:15 UTC"."""
    clocks = [_clock(hour, minute) for hour, minute in product(hours, minutes)]
    if len(clocks) <= MAX_CLOCK_TIMES:
        return f"{_join(clocks)} {time_zone}"
    whole_hours, all_day, hour_step = _division(minutes, 60), _division(hours, 24), _series(hours)
    minute_step = whole_hours or _series(minutes)
    if whole_hours and all_day == 1:
        return _every(whole_hours, "minute")
    # What goes on to the end of an hour goes on in the next.
    spans = _spans(hours) if whole_hours else [(hour, hour) for hour in hours]
    if minute_step and (len(spans) <= MAX_CLOCK_TIMES or not (all_day or hour_step)):
        shown = [f"{_clock(first, minutes[0])} to {_clock(last, minutes[-1])}" for first, last in spans]
        return f"{_every(minute_step, 'minute')} from {_join(shown)} {time_zone}"
    past = _past(minutes)
    if all_day:
        return f"{_every(all_day, 'hour')}, {past}"
    if hour_step:
        span = f"{_every(hour_step, 'hour')} from {clocks[0]} to {clocks[-1]} {time_zone}"
        return span if len(minutes) == 1 else f"{span}, {past}"
    if len(minutes) == 1:
        return f"{_join(clocks)} {time_zone}"
    return f"{past} {_join([_clock(hour, 0) for hour in hours])} {time_zone}"


def _past(minutes: Sequence[int]) -> str:
    """Of an hour: "on the hour", "15 minutes past", "every 7 minutes from :00 to :56"."""
    if list(minutes) == [0]:
        return "on the hour"
    if step := _series(minutes):
        return f"{_every(step, 'minute')} from :{minutes[0]:02} to :{minutes[-1]:02}"
    return f"{_join(list(map(str, minutes)))} minute{'' if list(minutes) == [1] else 's'} past"


def _of_month(days: str, schedule: cron.Schedule) -> str:
    """Such as "on the 1st of every June"."""
    period = _period(schedule)
    if days.endswith(("L", "W")):
        nearest = (
            f"weekday (Monday to Friday) nearest to the {_ordinal(int(days[:-1]))}"
            if days[0].isdigit()
            else ""
        )
        return f"on the {nearest or SPECIAL_DAYS[days]} of {_each_month(schedule)}"
    numbers = cron.read_numbers("day", days, 1, 31)
    if len(numbers) == 31:
        return f"every day{period}"
    ordinals = [_ordinal(number) for number in numbers]
    if step := _series(numbers):
        return (
            f"{_every(step, 'day')} from the {ordinals[0]} to the {ordinals[-1]} of {_each_month(schedule)}"
        )
    return f"on the {_join(ordinals)} of {_each_month(schedule)}"


def _of_week(weekdays: str, schedule: cron.Schedule) -> str:
    """Such as "every Monday in June"."""
    special = re.fullmatch(r"(\w+)(L|#\d)", weekdays)
    numbers = cron.read_numbers(
        "weekday", special[1] if special else weekdays.replace("L", "SAT"), 1, 7, names=cron.WEEKDAYS
    )
    names = _names(numbers, lambda number: DAY_NAMES[number - 1])
    if special:
        return f"on the {WEEKS[special[2]]} {names} of {_each_month(schedule)}"
    if len(numbers) == 7:
        return f"every day{_period(schedule)}"
    return f"{'' if ' to ' in names else 'every '}{names}{_period(schedule)}"


def _each_month(schedule: cron.Schedule) -> str:
    """Of which months a day is: "every month", "every June", "June 2030"."""
    months = _month_names(schedule)
    if len(schedule.months) == 12 or " to " in months:
        return f"every month{_period(schedule)}"
    if len(schedule.years) == 1:
        return f"{months} {schedule.years[0]}"
    return f"every {months}{_years(schedule)}"


def _period(schedule: cron.Schedule) -> str:
    """In which months and years it is, such as " in June 2030"; empty if always."""
    if len(schedule.months) == 12:
        return _years(schedule)
    months = _month_names(schedule)
    years = f" {schedule.years[0]}" if len(schedule.years) == 1 else _years(schedule)
    return f" {'from' if ' to ' in months else 'in'} {months}{years}"


def _years(schedule: cron.Schedule) -> str:
    years, step = schedule.years, _series(schedule.years)
    if len(years) == cron.LAST_YEAR - cron.FIRST_YEAR + 1:
        return ""
    if step is None:
        return f" in {_join(list(map(str, years)))}"
    until = "on" if years[-1] + step > cron.LAST_YEAR else f"to {years[-1]}"
    return f"{'' if step == 1 else f' of every {_ordinal(step)} year'} from {years[0]} {until}"


def _month_names(schedule: cron.Schedule) -> str:
    return _names(schedule.months, lambda number: calendar.month_name[number])


def _names(numbers: Sequence[int], name: Callable[[int], str]) -> str:
    """Such as "Monday to Friday", or "Monday and Friday"."""
    names = [name(number) for number in numbers]
    is_span = len(numbers) > 2 and len(_spans(numbers)) == 1
    return f"{names[0]} to {names[-1]}" if is_span else _join(names)


def _division(numbers: Sequence[int], whole: int) -> int | None:
    """The step that divides the `whole` evenly, from 0 on, if the numbers are at least two such steps."""
    step = whole // len(numbers)
    return step if len(numbers) > 1 and list(numbers) == list(range(0, whole, step)) else None


def _series(numbers: Sequence[int]) -> int | None:
    """The distance between the numbers, if it is the same and they are at least MIN_SERIES."""
    if len(numbers) < MIN_SERIES:
        return None
    step = numbers[1] - numbers[0]
    return step if list(numbers) == list(range(numbers[0], numbers[-1] + 1, step)) else None


def _spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last of the numbers that follow each other."""
    firsts = [number for number in numbers if number - 1 not in numbers]
    lasts = [number for number in numbers if number + 1 not in numbers]
    return list(zip(firsts, lasts, strict=True))


def _every(step: int, unit: str) -> str:
    return f"every {unit}" if step == 1 else f"every {step} {unit}s"


def _ordinal(number: int) -> str:
    return f"{number}{SUFFIXES.get(number, 'th')}"


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
