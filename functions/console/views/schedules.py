"""Schedules as the pages show them: the state of each, and what a change did."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

from slowmatch.db import Connection
from slowmatch.jobs.queries import job_summaries, made_schedules
from slowmatch.jobs.queries.job_summaries import JobSummary
from slowmatch.jobs.queries.made_schedules import MadeSchedule, ScheduleChange
from slowmatch.jobs.schedules.model import NEXT_TIMES, Schedule
from slowmatch.jobs.schedules.timing import Timing
from slowmatch.text import to_json

SHOWN_OF_JOB = 10
State = Literal["removed", "disabled", "invalid", "paused", "over", "pending", "enabled"]
LABELS = {
    "job": "Job",
    "expression": "Expression",
    "time_zone": "Time zone",
    "starts_at": "Start",
    "ends_at": "End",
    "enabled": "Enabled",
}
"""Of what people choose, beside the payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSchedule:
    """A schedule that was made at run time. `next` are its next times in its zone, none if nothing will start.

    It is `pending` while EventBridge Scheduler does not have its latest version.
    """

    made: MadeSchedule
    state: State
    words: str
    is_rate: bool
    next: list[datetime]


class Change(NamedTuple):
    """What was changed. A time is an ISO text; None if there was nothing, or is nothing now."""

    label: str
    was: Any
    now: Any
    is_time: bool


def shown(con: Connection, found: list[MadeSchedule], now: datetime) -> list[ShownSchedule]:
    jobs = {job.name: job for job in job_summaries.list_jobs(con, now)}
    return [_shown(made, jobs.get(made.schedule.job), now) for made in found]


def first_of_job(con: Connection, job: str, now: datetime) -> list[ShownSchedule]:
    """The next to fire of a job's schedules, the first one first."""
    names = made_schedules.first_to_fire(con, job, now, SHOWN_OF_JOB)
    return sorted(
        shown(con, made_schedules.page(con, names=names), now),
        key=lambda each: names.index(each.made.schedule.name),
    )


def _shown(made: MadeSchedule, job: JobSummary | None, now: datetime) -> ShownSchedule:
    schedule = made.schedule
    has_begun = schedule.enabled and schedule.is_delayed_run and schedule.delayed_run is None
    coming = [] if schedule.error or has_begun else next_times(schedule.timing, now)
    state = _state(made, job, is_over=not coming)
    return ShownSchedule(
        made=made,
        state=state,
        words=schedule.words,
        is_rate=schedule.is_rate,
        next=coming if state in ("enabled", "pending") else [],
    )


def _state(made: MadeSchedule, job: JobSummary | None, *, is_over: bool) -> State:
    schedule = made.schedule
    if job is None:
        return "removed"
    if job.disabled:
        return "disabled"
    if schedule.error:
        return "invalid"
    if is_over:
        return "over"
    if not schedule.enabled:
        return "paused"
    is_pending = schedule.in_force != schedule.version and not schedule.is_delayed_run
    return "pending" if is_pending else "enabled"


def next_times(timing: Timing, now: datetime) -> list[datetime]:
    """In the schedule's zone, whether or not it is paused."""
    return [at.astimezone(timing.zone) for at in islice(timing.after(now), NEXT_TIMES)]


def history(con: Connection, name: str) -> list[tuple[ScheduleChange, list[Change]]]:
    """The last changes of a schedule, newest first, each with what it changed."""
    return [(each, list(changes(each.before, each.after))) for each in made_schedules.changes(con, name)]


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[Change]:
    """What differs between two versions, field by field; everything that was chosen if there is only one."""
    old, new = dict(before or {}), dict(after or {})
    for name, label in LABELS.items():
        is_usual = name == "enabled" and not (before and after) and (old | new).get(name)
        if old.get(name) != new.get(name) and not is_usual:
            yield Change(label, old.get(name), new.get(name), name in ("starts_at", "ends_at"))
    was, now = old.get("payload") or {}, new.get("payload") or {}
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            label = name.replace("_", " ").capitalize()
            yield Change(label, _text(was.get(name)), _text(now.get(name)), is_time=False)


def payload_text(schedule: Schedule) -> str:
    return json.dumps(schedule.payload, indent=2, ensure_ascii=False)


def _text(value: Any) -> Any:
    """A JSON value as people read it; "yes" and "no" are the page's."""
    return value if value is None or isinstance(value, str | bool) else to_json(value)


def compared(
    was: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]
) -> Iterator[tuple[Change, Change | None]]:
    """Each field that one of two people changed: what is stored now, and what I changed, None if I did not."""
    by_them = {change.label: change for change in changes(was, theirs)}
    by_me = {change.label: change for change in changes(was, mine)}
    for label in dict.fromkeys((*by_them, *by_me)):
        yield by_them.get(label) or by_me[label]._replace(now=by_me[label].was), by_me.get(label)
