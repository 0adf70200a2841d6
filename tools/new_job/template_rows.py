"""Adds a job to the text of template.yaml and keeps every other byte."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from local.template.job_check import logical_id
from local.template.yaml_tags import TemplateError
from slowmatch.jobs import cron

TEMPLATE = "template.yaml"
MAX_DUE_HOURS = 7 * 24
"""An alarm of CloudWatch with periods of an hour looks back a week at most."""
MAX_LINE_CHARACTERS = 120


def with_job(template: str, name: str, schedule: str = "") -> str:
    """The template with the job's row, and its name in the loops. Raises TemplateError.

    `schedule` is an EventBridge expression; a job without one has no rule.
    """
    row = f"Name: {name}, Handler: {name.replace('-', '_')}.app.handler"
    if schedule:
        row += f', Schedule: "{schedule}", {alarm_of_silence(schedule)}'
    text = _with_row(template, logical_id(name), row)
    for loop in ("Jobs", "ScheduledJobs") if schedule else ("Jobs",):
        text = _with_item(text, loop, logical_id(name))
    return text


def _with_row(template: str, key: str, row: str) -> str:
    """The row stands before the first one with a later key, above that one's comment."""
    table = re.search(r"(?m)^  Job:\n((?:    .*\n|\n)+?)(?=\n*^ {0,2}\S|\Z)", template)
    if table is None:
        raise TemplateError(f"{TEMPLATE} has no mapping Job with a row for each job")
    rows = re.finditer(r"(?m)(?:^    #.*\n)*^    (\w+):", table[1])
    at = table.start(1) + next((each.start() for each in rows if each[1] > key), len(table[1]))
    return f"{template[:at]}    {key}: {{ {row} }}\n{template[at:]}"


def _with_item(template: str, loop: str, item: str) -> str:
    found = re.search(rf"(?m)^  Fn::ForEach::{loop}:\n    - Job\n    - \[([\w,\s]*)\]$", template)
    if found is None:
        raise TemplateError(f"{TEMPLATE} has no Fn::ForEach::{loop} with a list of jobs such as [A, B]")
    items = sorted([*re.findall(r"\w+", found[1]), item])
    opening = "    - ["
    lines = textwrap.wrap(
        ", ".join(items),
        MAX_LINE_CHARACTERS,
        initial_indent=opening,
        subsequent_indent=" " * len(opening),
    )
    return template[: found.start(1)] + "\n".join(lines).removeprefix(opening) + template[found.end(1) :]


def alarm_of_silence(schedule: str) -> str:
    """The columns for it: two hours after the longest pause, or none if CloudWatch cannot watch for so long."""
    hours = -(-max(_pauses(cron.parse(schedule))) // timedelta(hours=1)) + 2
    if hours <= MAX_DUE_HOURS:
        return f"DueHours: {hours}"
    return f"DueHours: {MAX_DUE_HOURS}, Silence: notBreaching"


def _pauses(schedule: cron.Schedule) -> Iterator[timedelta]:
    """The pauses of the next two years: within a day, and from a day's last time to the next day's first."""
    if schedule.rate is not None:
        yield schedule.rate
        return
    times = sorted(
        timedelta(hours=hour, minutes=minute) for hour in schedule.hours for minute in schedule.minutes
    )
    yield from (later - earlier for earlier, later in pairwise(times))
    once_a_day = replace(schedule, hours=schedule.hours[:1], minutes=schedule.minutes[:1])
    start = datetime.now(UTC)
    end = start + timedelta(days=2 * 366)
    days = [start, *once_a_day.between(start, end), end]
    yield from (later - earlier - (times[-1] - times[0]) for earlier, later in pairwise(days))
