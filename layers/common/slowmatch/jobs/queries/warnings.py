"""What is wrong, in words: the warnings of the dashboard and of GET /api/health."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.db.counts import CappedCount
from slowmatch.jobs.catalog import CONFIG_ERRORS
from slowmatch.jobs.queries.failure_groups import FailingJob
from slowmatch.jobs.queries.health import DISPATCHER_LATE, DispatcherPass, Facts, SchedulesNotInForce
from slowmatch.jobs.queries.queue_depths import Depths
from slowmatch.notifications.publishing import NotificationProblem

MAX_CLOCK_OFFSET = timedelta(seconds=30)
MAX_NAMES = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs a person. `text` is a clause without a full stop; `since` is the moment it began.

    GET /api/health answers 503 for one that `is_outage`. `job` is the job it is about, if it is about one. Of a job
    that is retried, `next_at` is when.
    """

    kind: str
    text: str
    is_outage: bool = False
    since: datetime | None = None
    job: str | None = None
    next_at: datetime | None = None

    @property
    def in_utc(self) -> str:
        """The clause with its times."""
        next_try = f", next retry at {self.next_at:%Y-%m-%d %H:%M} UTC" if self.next_at else ""
        since = f", since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        return self.text + next_try + since


def problems(facts: Facts, depths: Depths, clock_offset: timedelta, now: datetime) -> Iterator[Problem]:
    """What needs attention, worst first; nothing if all is well."""
    if facts.silent_since:
        text = "no worker has claimed a run, although runs are waiting"
        yield Problem("silence", text, since=facts.silent_since)
    yield from dispatcher_problems(facts.dispatcher, facts.waiting_for_removed_jobs, now)
    for problem in disabled_problems(facts.disabled_jobs):
        if problem.job not in facts.waiting_for_removed_jobs:
            yield problem
    yield from failing_problems(facts.failing, now)
    if facts.missed_24h:
        missed = _plural(facts.missed_24h, "scheduled run was", "scheduled runs were")
        text = f"{missed} missed in the last 24 hours"
        if facts.missed_schedules:
            more = len(facts.missed_schedules) - MAX_NAMES
            names = ", ".join(facts.missed_schedules[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
            text += f" (schedules: {names})"
        yield Problem("missed_runs", text)
    yield from schedule_problems(facts.not_in_force)
    yield from notification_problems(facts.notifications)
    yield from queue_problems(depths)
    yield from clock_problems(clock_offset)


def dispatcher_problems(
    last: DispatcherPass, waiting_for_removed_jobs: dict[str, CappedCount], now: datetime
) -> Iterator[Problem]:
    """A duty may fail for DISPATCHER_LATE before that is an outage."""
    if last.at is None:
        text = "the dispatcher has not finished a pass yet; it runs every five minutes"
        yield Problem("dispatcher_late", text, is_outage=True)
    elif last.is_late(now):
        text = "the dispatcher has not finished a pass for more than 12 minutes: overdue messages are not being resent"
        yield Problem("dispatcher_late", text, is_outage=True)
    for duty in last.failing:
        text = f"the dispatcher cannot {duty.name}: {duty.problem}"
        yield Problem("failing_duty", text, now - duty.since >= DISPATCHER_LATE, since=duty.since)
    for job, count in waiting_for_removed_jobs.items():
        error = CONFIG_ERRORS.get(job)
        state = (
            f"disabled: {error}" if error else "no longer deployed: delete the runs or deploy the job again"
        )
        text = f"{_runs(count)} {'waits' if count.number == 1 else 'wait'} for {job}, which is {state}"
        yield Problem("removed_job", text, is_outage=True, job=job)


def failing_problems(jobs: Iterable[FailingJob], now: datetime) -> Iterator[Problem]:
    """Jobs that fail, and those that work again with runs left that failed; not what is acknowledged."""
    for each in jobs:
        name, next_at = each.job, each.next_at
        failed = CappedCount(each.failed, each.capped)
        retrying = CappedCount(each.retrying, each.capped)
        due = ", and the next retry is due" if next_at and next_at <= now else ""
        next_at = next_at if next_at and next_at > now else None
        are = "is" if each.retrying == 1 else "are"
        if each.is_failing:
            what = (
                f"{_runs(failed)} failed in the last 7 days" if each.failed else f"{_runs(retrying)} failed"
            )
            if each.retrying:
                number = f"{retrying.number:,}{'+' if retrying.capped else ''}"
                what += f", and {number} more {are}" if each.failed else f" and {are}"
                what += f" being retried{due}"
            text = f"{name} is failing: {what}"
            yield Problem("failing_job", text, since=each.since, job=name, next_at=next_at)
        elif each.retrying:
            text = f"{name} works again, but {_runs(retrying)} that failed {are} being retried{due}"
            yield Problem("retrying_runs", text, job=name, next_at=next_at)
        elif recent := sum(group.failed_24h for group in each.open):
            text = f"{name} works again, but {_runs(CappedCount(recent, each.capped))} failed in the last 24 hours"
            yield Problem("failed_runs", text, job=name)


def disabled_problems(disabled: dict[str, str]) -> Iterator[Problem]:
    for job, reason in disabled.items():
        yield Problem("disabled_job", f"{job} is disabled: {reason}", is_outage=True, job=job)


def schedule_problems(found: SchedulesNotInForce) -> Iterator[Problem]:
    """Schedules for which EventBridge Scheduler sends nothing, or still sends as it was before the last change."""
    for name, reason in found.reasons.items():
        why = reason or "the dispatcher has not come to it"
        yield Problem("not_in_force", f"schedule {name} is not in force: {why.rstrip('.')}")
    if more := found.number - len(found.reasons):
        others = _plural(more, "other schedule is", "other schedules are")
        yield Problem("not_in_force", f"{others} not in force")


def queue_problems(depths: Depths) -> Iterator[Problem]:
    if depths.problem:
        yield Problem("unreadable_queues", depths.problem, is_outage=True)
    elif depths.dead:
        messages = _plural(depths.dead, "message is", "messages are")
        yield Problem("dead_letters", f"{messages} in a dead-letter queue", is_outage=True)


def notification_problems(found: Iterable[NotificationProblem]) -> Iterator[Problem]:
    for problem in found:
        yield Problem("notifications", problem.text, problem.is_outage, since=problem.since)


def clock_problems(offset: timedelta) -> Iterator[Problem]:
    if abs(offset) >= MAX_CLOCK_OFFSET:
        seconds = f"{abs(offset).total_seconds():.0f}"
        text = f"the database's clock and this server's differ by {seconds} s"
        yield Problem("clock", text, is_outage=True)


def _runs(count: CappedCount) -> str:
    return f"{count.number:,}+ runs" if count.capped else _plural(count.number, "run", "runs")


def _plural(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
