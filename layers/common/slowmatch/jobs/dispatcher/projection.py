"""Keeps the schedules of EventBridge Scheduler as the table job_schedule has them.

A change of a row is projected at once. The list of the group then shows what was left behind, what is missing and what
somebody changed by hand. The list has neither times nor targets: a schedule is read when its state or its date of
modification is another than when it was last found right, at most MAX_CHECKS_PER_PASS of them in one pass.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from typing import Any

from slowmatch import telemetry
from slowmatch.aws.clients import client, refusal
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.catalog import CONFIG_ERRORS, JOBS
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import Schedule
from slowmatch.jobs.schedules.timing import ScheduleError
from slowmatch.settings import Settings, SettingsError

MAX_CHECKS_PER_PASS = 100
KEPT = timedelta(hours=1)
"""How long a schedule stays in the group after its last time: Scheduler may still be sending."""
RETRIES = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
"""Of Scheduler, if a queue does not take a message: its defaults, and those of rules."""
_TIMES = ("ScheduleExpression", "ScheduleExpressionTimezone", "State", "StartDate", "EndDate")
_STOPPING = {"ThrottlingException", "TooManyRequestsException", "InternalServerException"}
"""Errors of Scheduler that the next schedule would meet too."""

_verified: dict[str, tuple[int, datetime]] = {}
"""The version and the date of modification of each schedule that was found right in this execution environment."""


class _Undeployed(Exception):
    """The job of a schedule has no queue."""


@cache
def scheduler() -> Any:
    return client("scheduler")


def project(
    con: Connection, now: datetime, deadline: Deadline = NEVER, *, settings: Settings, checks: bool = True
) -> int:
    """Make, change and delete schedules in the group until it agrees with the rows. Returns how many.

    What Scheduler refuses is in the row (`sync_error`) and is tried again after half a minute, then after twice as
    long each time, up to a quarter of an hour. Without `checks`, only what the list shows to be wrong is read.

    Raises PartlyFailed when a schedule without a row could not be deleted.
    """
    if settings.schedule_group is None or settings.scheduler_role_arn is None:
        raise SettingsError(
            "SCHEDULE_GROUP and SCHEDULER_ROLE_ARN are required here; see docs/configuration.md"
        )
    projection = _Projection(
        con, now, deadline, settings, settings.schedule_group, settings.scheduler_role_arn
    )
    done = projection.bring_changes()
    done += projection.compare(MAX_CHECKS_PER_PASS if checks else 0)
    # Another dispatcher leaves to this one what this one had in hand when it came.
    return done + projection.bring_changes()


@dataclass(slots=True)
class _Projection:
    con: Connection
    now: datetime
    deadline: Deadline
    settings: Settings
    group: str
    role: str
    tried: set[tuple[str, int]] = field(default_factory=set)
    is_stopped: bool = False

    def bring_changes(self) -> int:
        """Project the rows whose version is not in force, until there are none that were not tried."""
        done = 0
        while self._goes_on and (names := self._changed()):
            done += self._put_right_each(names)
        return done

    def compare(self, checks: int) -> int:
        """Put right what the list of the group shows to be wrong, and verify up to `checks` others."""
        if not self._goes_on:
            return 0
        pages = (
            scheduler()
            .get_paginator("list_schedules")
            .paginate(GroupName=self.group, PaginationConfig={"PageSize": 100})
        )
        listed = {each["Name"]: each for page in pages for each in page["Schedules"]}
        rows = {schedule.name: schedule for schedule in store.all_schedules(self.con)}
        for name in _verified.keys() - listed.keys():
            del _verified[name]
        in_force = {name: row for name, row in rows.items() if row.in_force == row.version}
        wrong = [*(listed.keys() - rows.keys()), *self._wrong(listed, in_force)]
        unverified = (
            name
            for name, each in listed.items()
            if name in in_force
            and _verified.get(name) != (in_force[name].version, each["LastModificationDate"])
        )
        return self._put_right_each(dict.fromkeys([*wrong, *islice(unverified, checks)]))

    def _changed(self) -> list[str]:
        rows = [(name, version) for name, version in self.con.query(_CHANGED, now=self.now)]
        new = [row for row in rows if row not in self.tried]
        self.tried.update(new)
        return [name for name, _ in new]

    def _wrong(self, listed: dict[str, Any], rows: dict[str, Schedule]) -> Iterator[str]:
        """Those that are missing, that should be gone, or that have another state."""
        for name, schedule in rows.items():
            found = listed.get(name)
            try:
                wanted = self._wanted(schedule, found)
            except ScheduleError:
                yield name
                continue
            if (found is None) != (wanted is None) or (
                wanted and found and found["State"] != wanted["State"]
            ):
                yield name

    @property
    def _goes_on(self) -> bool:
        return not self.is_stopped and not self.deadline.is_over

    def _put_right_each(self, names: Any) -> int:
        return for_each(takewhile(lambda _: self._goes_on, names), str, self._put_right)

    def _put_right(self, name: str) -> int:
        """Read the row again and make Scheduler agree with it, unless another dispatcher is at this name.

        The lock is not that of the row: who changes it does not wait for AWS.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        with self.con.transaction():
            ((is_alone,),) = self.con.query(
                "SELECT pg_try_advisory_xact_lock(hashtextextended('job_schedule ' || :name, 0))", name=name
            )
            if not is_alone:
                return 0
            schedule, is_read = store.find(self.con, name), False
            try:
                found = self._get(name)
                is_read = True
                return self._delete(name) if schedule is None else self._agree(schedule, found)
            except (BotoCoreError, ClientError, ScheduleError, _Undeployed) as error:
                code = (getattr(error, "response", None) or {}).get("Error", {}).get("Code")
                self.is_stopped |= isinstance(error, BotoCoreError) or code in _STOPPING
                if schedule is None:
                    raise
                # One that only could not be verified is in force.
                if is_read or schedule.in_force != schedule.version:
                    self._note_failure(schedule, refusal(error))
                return 0

    def _agree(self, schedule: Schedule, found: dict[str, Any] | None) -> int:
        name, is_current = schedule.name, schedule.in_force == schedule.version
        wanted = self._wanted(schedule, found)
        wrong = self._differences(found, wanted) if found and wanted else set()
        if wanted is None:
            changed = self._delete(name) if found else 0
        elif found is None:
            scheduler().create_schedule(Name=name, GroupName=self.group, **wanted)
            changed = 1
        elif wrong:
            scheduler().update_schedule(Name=name, GroupName=self.group, **wanted)
            changed = 1
        else:
            _verified[name] = (schedule.version, found["LastModificationDate"])
            changed = 0
        if not _is_deployed(schedule.job):
            raise _Undeployed(f"the job {schedule.job} is not deployed: deploy it, or delete the schedule")
        if changed or not is_current or schedule.paused_in_aws:
            # Not from the start of the pass: that was before the call, and perhaps before the change.
            store.mark_in_force(self.con, schedule, max(self.con.now(), schedule.changed_at))
        if is_current and wrong & {*_TIMES}:
            telemetry.logger.warning(f"schedule {name} was changed in AWS by hand, and is put right again")
            self.con.query(
                "UPDATE job_schedule SET paused_in_aws = true WHERE name = :name AND version = :version",
                name=name,
                version=schedule.version,
            )
        return changed

    def _get(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = scheduler().get_schedule(Name=name, GroupName=self.group)
        except scheduler().exceptions.ResourceNotFoundException:
            return None
        return found

    def _delete(self, name: str) -> int:
        try:
            scheduler().delete_schedule(Name=name, GroupName=self.group)
        except scheduler().exceptions.ResourceNotFoundException:
            return 0
        return 1

    def _wanted(self, schedule: Schedule, found: dict[str, Any] | None) -> dict[str, Any] | None:
        """What Scheduler should have: None for nothing, and `found` for what may stay as it is."""
        timing = schedule.timing
        if schedule.is_delayed_run or not _is_deployed(schedule.job):
            return None
        if timing.is_over(self.now):
            is_fresh = not timing.is_over(self.now - KEPT) and schedule.in_force == schedule.version
            return found if is_fresh else None
        wanted = {
            "ScheduleExpression": schedule.expression,
            "ScheduleExpressionTimezone": schedule.time_zone,
            "State": _state(schedule),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "NONE",
            "Target": self._target(schedule),
        }
        # Scheduler refuses a start that is over.
        times = {"StartDate": schedule.starts_at, "EndDate": schedule.ends_at}
        return wanted | {
            name: at.replace(microsecond=0) for name, at in times.items() if at and at > self.now
        }

    def _target(self, schedule: Schedule) -> dict[str, Any]:
        partition, account = self.role.split(":")[1], self.role.split(":")[4]
        region, stack = scheduler().meta.region_name, self.settings.stack_name
        queue = f"arn:{partition}:sqs:{region}:{account}:{stack}-{schedule.job}"
        return {
            "Arn": queue,
            "RoleArn": self.role,
            "Input": json.dumps({"schedule": schedule.name, "at": "<aws.scheduler.scheduled-time>"}),
            "RetryPolicy": RETRIES,
            "DeadLetterConfig": {"Arn": f"{queue}-dead"},
        }

    def _differences(self, found: dict[str, Any], wanted: dict[str, Any]) -> set[str]:
        """The members that have another value; a start that is over is as good as none."""

        def value(of: dict[str, Any], member: str) -> Any:
            given = of.get(member)
            return None if member == "StartDate" and given and given <= self.now else given

        return {name for name in (*_TIMES, "Target") if value(found, name) != value(wanted, name)}

    def _note_failure(self, schedule: Schedule, reason: str) -> None:
        telemetry.logger.warning(f"schedule {schedule.name} is not in force: {reason}")
        self.con.query(
            """
            UPDATE job_schedule
            SET in_force = NULLIF(in_force, version), sync_error = :reason, sync_failed_at = :now::timestamptz,
                sync_attempts = sync_attempts + 1
            WHERE name = :name AND version = :version
            """,
            name=schedule.name,
            version=schedule.version,
            reason=reason,
            now=self.now,
        )


def _state(schedule: Schedule) -> str:
    return "ENABLED" if schedule.enabled else "DISABLED"


def _is_deployed(job: str) -> bool:
    """Whether the job has a queue; one whose job.py is wrong has one too."""
    return job in JOBS or job in CONFIG_ERRORS


# A failure later than now is from before the clock was put back.
_CHANGED = """
    SELECT name, version FROM job_schedule
    WHERE in_force IS DISTINCT FROM version AND (
        sync_failed_at IS NULL
        OR sync_failed_at NOT BETWEEN :now::timestamptz
           - LEAST(interval '30 seconds' * power(2, sync_attempts - 1), interval '15 minutes') AND :now::timestamptz
    )
    ORDER BY sync_failed_at NULLS FIRST, changed_at
"""
