"""Schedules made at run time: one row each, changed in the caller's transaction, with what was before and after.

The dispatcher projects the rows to EventBridge Scheduler. A schedule that is deleted leaves no row.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

from slowmatch.db import Connection, ExternalConnection
from slowmatch.jobs import catalog
from slowmatch.jobs.lifecycle import scheduled_runs
from slowmatch.jobs.lifecycle.enqueue import enqueue
from slowmatch.jobs.model import Trigger
from slowmatch.jobs.schedules import timing
from slowmatch.jobs.schedules.checks import check_name, check_payload, check_times
from slowmatch.jobs.schedules.history import ScheduleState, add_look
from slowmatch.jobs.schedules.model import CHOICES, DELAYED, NEW, NoSuchSchedule, Schedule, ScheduleConflict
from slowmatch.jobs.schedules.timing import ScheduleError
from slowmatch.text import to_json

LIMIT = 1000
"""How many schedules a stack may have."""
_TIMING = {*CHOICES} - {"payload"}
_LOCK_ID = 0x5C4ED
"""Of the advisory lock that is held while a schedule is made, so that they are not more than LIMIT."""


def put(
    con: Connection | ExternalConnection,
    name: str,
    *,
    job: str,
    payload: dict[str, Any] | None = None,
    expression: str,
    time_zone: str = "UTC",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    enabled: bool | None = None,
    actor: str = "code",
    version: int | None = None,
) -> Schedule:
    """Make or change a schedule. The same again changes nothing.

    One that is paused stays so if `enabled` is not given. `version` is the one that is to be changed, NEW for none.
    Raises ScheduleError and ScheduleConflict.
    """
    check_name(name)
    accepted = check_payload(job, payload or {})
    given = timing.parse(expression, time_zone, starts_at, ends_at)
    with _transaction(con):
        current, now = _lock(con, name) or _make_room(con, name), con.now()
        wanted = {
            "job": job,
            "payload": accepted,
            "expression": given.expression,
            "time_zone": time_zone,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "enabled": (current is None or current.enabled) if enabled is None else enabled,
        }
        _check_version(name, version, current)
        if current and current.choices() == wanted:
            return current
        check_times(given, now)
        at = given.at if wanted["enabled"] else None
        if at and at - now < DELAYED and scheduled_runs.has_begun(con, job, at, name):
            message = f"the run of {given.expression!r} has started or was deleted: choose another time"
            raise ScheduleError("expression", message)
        return _write(con, name, current, wanted, actor, now)


def remove(
    con: Connection | ExternalConnection, name: str, *, actor: str = "code", version: int | None = None
) -> bool:
    """Delete a schedule; False if there is none. Raises ScheduleConflict."""
    with _transaction(con):
        current = _lock(con, name)
        if current is None:
            return False
        _check_version(name, version, current)
        con.query("DELETE FROM job_schedule WHERE name = :name", name=name)
        now = con.now()
        scheduled_runs.drop_delayed(con, current.job, name)
        _note(con, "deleted", current, actor, now, before=current)
        return True


def set_enabled(
    con: Connection | ExternalConnection, name: str, enabled: bool, *, actor: str, version: int | None = None
) -> Schedule:
    """Resume a schedule, or pause it: its times then pass without a run. Raises NoSuchSchedule, ScheduleConflict."""
    with _transaction(con):
        current = _lock(con, name)
        if current is None:
            raise NoSuchSchedule(name)
        _check_version(name, version, current)
        if current.enabled == enabled:
            return current
        return _write(con, name, current, current.choices() | {"enabled": enabled}, actor, con.now())


def run_now(con: Connection, name: str, *, actor: str, trigger: Trigger = "api") -> str:
    """Start a run with the schedule's payload, beside its times, and return the run's id.

    Raises NoSuchSchedule, UnknownJob, PayloadError.
    """
    with con.transaction():
        schedule = get(con, name)
        made = enqueue(con, schedule.job, schedule.payload, trigger=trigger, actor=actor)
        con.query("UPDATE job_run SET schedule = :name WHERE id = :id::uuid", name=name, id=made.run_id)
    return made.run_id


def find(con: Connection | ExternalConnection, name: str) -> Schedule | None:
    rows = con.query(f"SELECT {ROW} FROM job_schedule AS schedule WHERE name = :name", name=name)
    return Schedule.from_json(rows[0][0]) if rows else None


def get(con: Connection | ExternalConnection, name: str) -> Schedule:
    """Raises NoSuchSchedule."""
    found = find(con, name)
    if found is None:
        raise NoSuchSchedule(name)
    return found


def all_schedules(con: Connection) -> list[Schedule]:
    """In the order of their names. They are LIMIT at most."""
    rows = con.query(f"SELECT {ROW} FROM job_schedule AS schedule ORDER BY name")
    return [Schedule.from_json(row) for (row,) in rows]


def mark_in_force(con: Connection, schedule: Schedule, now: datetime) -> bool:
    """Note that EventBridge Scheduler has this version; False if there is a newer one by now, or none."""
    with con.transaction():
        rows = con.query(
            """
            UPDATE job_schedule
            SET in_force = version, sync_error = NULL, sync_failed_at = NULL, sync_attempts = 0, paused_in_aws = false
            WHERE name = :name AND version = :version
            RETURNING name
            """,
            name=schedule.name,
            version=schedule.version,
        )
        if rows and (found := lock_history(con, schedule.name)):
            _, history, checked_to = found
            store_history(con, schedule.name, add_look(history, schedule.state(now), checked_to), checked_to)
    return bool(rows)


def lock_history(
    con: Connection | ExternalConnection, name: str
) -> tuple[Schedule, list[ScheduleState], datetime] | None:
    """The schedule, what was valid when, and up to when that was checked."""
    rows = con.query(
        f"SELECT {ROW}, history, checked_to FROM job_schedule AS schedule WHERE name = :name FOR UPDATE",
        name=name,
    )
    for row, history, checked_to in rows:
        return Schedule.from_json(row), [ScheduleState.from_json(each) for each in history], checked_to
    return None


def store_history(
    con: Connection | ExternalConnection, name: str, history: list[ScheduleState], checked_to: datetime
) -> None:
    con.query(
        """
        UPDATE job_schedule SET history = :history::jsonb, checked_to = :checked_to::timestamptz
        WHERE name = :name
        """,
        name=name,
        history=to_json([state.to_json() for state in history]),
        checked_to=checked_to,
    )


# Only the run of a single time is created before its occurrence, which is later than the change.
ROW = """
    to_jsonb(schedule) - 'history' - 'checked_to' || jsonb_build_object('delayed_run', CASE
        WHEN schedule.expression LIKE 'at(%' THEN (
            SELECT run.id FROM job_run AS run
            WHERE run.job = schedule.job AND run.schedule = schedule.name
              AND run.occurrence > schedule.changed_at
              AND run.state = 'scheduled' AND run.attempt = 0
            LIMIT 1
        )
    END)
"""


@contextmanager
def _transaction(con: Connection | ExternalConnection) -> Iterator[None]:
    with con.transaction() if isinstance(con, Connection) else nullcontext():
        yield


def _lock(con: Connection | ExternalConnection, name: str) -> Schedule | None:
    rows = con.query(f"SELECT {ROW} FROM job_schedule AS schedule WHERE name = :name FOR UPDATE", name=name)
    return Schedule.from_json(rows[0][0]) if rows else None


def _check_version(name: str, version: int | None, current: Schedule | None) -> None:
    if version is not None and version != (current.version if current else NEW):
        raise ScheduleConflict(name, version, current)


def _make_room(con: Connection | ExternalConnection, name: str) -> Schedule | None:
    """Let nobody else make a schedule until the transaction ends. Returns one of that name that was just made.

    Raises ScheduleError if there are LIMIT schedules.
    """
    con.query("SELECT pg_advisory_xact_lock(:id)", id=_LOCK_ID)
    made = _lock(con, name)
    if made is None and con.query("SELECT count(*) FROM job_schedule")[0][0] >= LIMIT:
        message = (
            f"cannot be a new one: there are {LIMIT:,} schedules already, and more are not allowed;"
            " delete one that is not needed"
        )
        raise ScheduleError("name", message)
    return made


def _write(
    con: Connection | ExternalConnection,
    name: str,
    current: Schedule | None,
    wanted: dict[str, Any],
    actor: str,
    now: datetime,
) -> Schedule:
    con.query(_PUT, name=name, actor=actor, now=now, **wanted | {"payload": to_json(wanted["payload"])})
    written = get(con, name)
    changed = {
        each for each in CHOICES if current is None or getattr(current, each) != getattr(written, each)
    }
    if current and changed & _TIMING and (found := lock_history(con, name)) and found[1]:
        # Until the new version is in force, nothing is certain to be due.
        _, history, checked_to = found
        history = add_look(history, replace(history[-1], last=now), checked_to)
        history.append(replace(written.state(now), schedule=None))
        store_history(con, name, history, checked_to)
    if current:
        scheduled_runs.drop_delayed(con, current.job, name)
    if written.enabled and written.is_delayed_run and (at := written.timing.at) and at > now:
        scheduled_runs.delay(con, catalog.job(written.job), at, written.payload, name)
        written = get(con, name)
    action = "created" if current is None else "changed"
    if changed == {"enabled"}:
        action = "resumed" if written.enabled else "paused"
    _note(con, action, written, actor, now, before=current, after=written)
    return written


_PUT = """
    INSERT INTO job_schedule (
        name, job, payload, expression, time_zone, starts_at, ends_at, enabled,
        created_at, created_by, changed_at, changed_by, checked_to
    )
    VALUES (
        :name, :job, :payload::jsonb, :expression, :time_zone, :starts_at::timestamptz, :ends_at::timestamptz,
        :enabled::boolean, :now::timestamptz, :actor, :now::timestamptz, :actor, :now::timestamptz
    )
    ON CONFLICT (name) DO UPDATE
    SET job = EXCLUDED.job, payload = EXCLUDED.payload, expression = EXCLUDED.expression,
        time_zone = EXCLUDED.time_zone, starts_at = EXCLUDED.starts_at, ends_at = EXCLUDED.ends_at,
        enabled = EXCLUDED.enabled, version = EXCLUDED.version, changed_at = EXCLUDED.changed_at,
        changed_by = EXCLUDED.changed_by, sync_error = NULL, sync_failed_at = NULL, sync_attempts = 0,
        paused_in_aws = false
"""


def _note(
    con: Connection | ExternalConnection,
    action: str,
    about: Schedule,
    actor: str,
    now: datetime,
    *,
    before: Schedule | None = None,
    after: Schedule | None = None,
) -> None:
    con.query(
        """
        INSERT INTO job_schedule_event (at, name, job, action, actor, before, after)
        VALUES (:now::timestamptz, :name, :job, :action, :actor, :before::jsonb, :after::jsonb)
        """,
        now=now,
        name=about.name,
        job=about.job,
        action=action,
        actor=actor,
        before=before and to_json(before.choices()),
        after=after and to_json(after.choices()),
    )
