"""Schedules made at run time as people look at them: with their last run, who paused them, and what was changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from heapq import nsmallest
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs import cron
from slowmatch.jobs.model import JsonRow
from slowmatch.jobs.queries.job_summaries import LAST_SCHEDULED_RUN, MISSED, LastRun, Paused
from slowmatch.jobs.schedules import timing
from slowmatch.jobs.schedules.model import Schedule
from slowmatch.jobs.schedules.store import LIMIT, ROW

EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSchedule:
    """`schedule` is without its payload, which may be large. `last_run` is the run of its last occurrence."""

    schedule: Schedule
    last_run: LastRun | None
    missed: int
    paused: Paused | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChange(JsonRow):
    """What people chose, `before` and `after`; None before it was made and after it was deleted."""

    id: int
    at: datetime
    action: str
    actor: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def page(
    con: Connection,
    *,
    q: str = "",
    names: Sequence[str] | None = None,
    after: str = "",
    limit: int = LIMIT,
) -> list[MadeSchedule]:
    """In the order of their names, those after `after` whose name or job contains `q`; of `names`, if given."""
    wanted = {"q": q, "names": names and list(names), "after": after, "limit": limit}
    rows = cached(con, f"made schedules {wanted}", lambda: con.query(_PAGE, **wanted))
    return [
        MadeSchedule(
            schedule=Schedule.from_json(row),
            last_run=last_run and LastRun.from_json(last_run),
            missed=missed,
            paused=paused and Paused(datetime.fromisoformat(paused["at"]), paused["by"], None),
        )
        for row, last_run, missed, paused in rows
    ]


# Who paused a schedule is not always who changed it last.
_PAGE = f"""
    SELECT {ROW} || '{{"payload": {{}}}}', (
        {LAST_SCHEDULED_RUN.format(job="schedule.job", schedule="schedule.name")}
    ), (
        SELECT count(*) FROM {MISSED} AND missed.job = schedule.job AND missed.schedule = schedule.name
    ), CASE WHEN NOT schedule.enabled THEN (
        SELECT json_build_object('at', event.at, 'by', event.actor)
        FROM job_schedule_event AS event
        WHERE event.name = schedule.name AND event.after ->> 'enabled' = 'false'
          AND event.before ->> 'enabled' IS DISTINCT FROM 'false'
        ORDER BY event.id DESC LIMIT 1
    ) END
    FROM job_schedule AS schedule
    WHERE strpos(lower(schedule.name || ' ' || schedule.job), lower(:q)) > 0
      AND (:names::text[] IS NULL OR schedule.name = ANY(:names::text[])) AND schedule.name > :after
    ORDER BY schedule.name LIMIT :limit::integer
"""


def first_to_fire(con: Connection, job: str, now: datetime, number: int) -> list[str]:
    """The names of the job's schedules that fire next, in this order; those that are paused or over are last.

    All are looked at, but nothing is read of their runs.
    """
    rows = cached(con, ("when schedules fire", job), lambda: con.query(_WHEN_THEY_FIRE, job=job))
    minute = now.replace(second=0, microsecond=0)
    coming = ((_next_time(minute, *when) if enabled else cron.END, name) for name, enabled, *when in rows)
    return [name for _, name in nsmallest(number, coming)]


_WHEN_THEY_FIRE = """
    SELECT name, enabled, expression, time_zone, starts_at, ends_at FROM job_schedule WHERE job = :job
"""


@lru_cache(maxsize=LIMIT)
def _next_time(minute: datetime, *when: Any) -> datetime:
    """Computed once for all polls of a minute. END if it is over, or no longer valid."""
    try:
        return timing.parse(*when).next_after(minute) or cron.END
    except timing.ScheduleError:
        return cron.END


def counts(con: Connection) -> dict[str, int]:
    """How many schedules each job has that has any."""
    counted = "SELECT job, count(*) FROM job_schedule GROUP BY job"
    return dict(cached(con, "schedules of jobs", lambda: con.query(counted)))


def changes(con: Connection, name: str) -> list[ScheduleChange]:
    """The last EVENTS_SHOWN changes of a schedule, newest first, also of one that was deleted."""
    rows = cached(con, ("schedule changes", name), lambda: con.query(_CHANGES, name=name, limit=EVENTS_SHOWN))
    return [ScheduleChange.from_json(row) for (row,) in rows]


_CHANGES = """
    SELECT to_jsonb(event) - 'name' - 'job' FROM job_schedule_event AS event
    WHERE name = :name ORDER BY id DESC LIMIT :limit::integer
"""
