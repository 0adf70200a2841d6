"""What fails now: runs that failed or are retried, grouped by job, error type and normalised message."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached, moment
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle.mute import Mute
from slowmatch.jobs.queries.failure_groups import (
    ERROR_CHARACTERS,
    MAX_RUNS,
    Acknowledgement,
    FailingJob,
    FailureGroup,
    SameError,
    error_parts,
    group_failures,
    group_id,
)
from slowmatch.jobs.queries.metrics import start_of_hour
from slowmatch.text import to_json

WINDOW = timedelta(days=7)
"""How far back failed runs are looked at. Runs that are retried are looked at however old they are."""
MAX_RUNS_SEARCHED = 10_000
"""Among how many failed and how many retried runs of a job those of a group are looked for, to act on them."""
TREND_HOURS = 24


def failing_jobs(con: Connection, now: datetime) -> list[FailingJob]:
    """The jobs with failures, those that fail now first, the latest failure first. At most KEPT_SECONDS old."""
    return cached(con, ("failing", moment(now)), lambda: _failing_jobs(con, now))


def failing_by_name(con: Connection, now: datetime) -> dict[str, FailingJob]:
    """The jobs that fail now, by name."""
    return {job.job: job for job in failing_jobs(con, now) if job.is_failing}


def _failing_jobs(con: Connection, now: datetime) -> list[FailingJob]:
    rows = con.query(FAILURES, **_parameters(now), day=now - timedelta(days=1))
    groups = _acknowledge(con, now, group_failures(SameError(*row) for row in rows))
    by_job: dict[str, list[FailureGroup]] = defaultdict(list)
    for group in sorted(groups, key=lambda group: group.last_at, reverse=True):
        by_job[group.job].append(group)
    known = {name: facts for name, *facts in con.query(_JOBS, names=to_json(list(by_job)), now=now)}
    jobs = []
    for job, found in by_job.items():
        failing_since, succeeded_at, *mute = known[job]
        jobs.append(FailingJob(job, found, failing_since, succeeded_at, Mute(*mute) if mute[0] else None))
    return sorted(jobs, key=lambda job: not job.is_failing)


def _parameters(now: datetime) -> dict[str, Any]:
    return {"names": to_json(list(JOBS)), "since": now - WINDOW}


# One run more than MAX_RUNS tells that there are more. A range of one name, so that the order of the index is used.
_FAILING_RUNS = f"""
    SELECT run.* FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name), LATERAL (
        (
            SELECT id, job, state, due_at, started_at, finished_at, left(error, {ERROR_CHARACTERS}) AS error
            FROM job_run
            WHERE job BETWEEN wanted.name AND wanted.name AND state = 'failed' AND finished_at >= :since::timestamptz
            ORDER BY job DESC, finished_at DESC LIMIT {MAX_RUNS + 1}
        )
        UNION ALL
        (
            SELECT id, job, state, due_at, started_at, finished_at, left(error, {ERROR_CHARACTERS})
            FROM job_run
            WHERE job BETWEEN wanted.name AND wanted.name AND failures > 0
              AND state IN ('scheduled', 'enqueued', 'processing') AND error IS NOT NULL
            ORDER BY job, due_at LIMIT {MAX_RUNS + 1}
        )
    ) AS run
"""
# Attempts from before the run was last requeued do not count.
_ATTEMPTS = """
    job_attempt AS attempt
    WHERE attempt.run_id = failing.id AND attempt.error_type IS NOT NULL
      AND attempt.finished_at >= failing.started_at
"""
FAILURES = f"""
    SELECT failing.job, failing.error,
           count(*) FILTER (WHERE state = 'failed'),
           count(*) FILTER (WHERE state = 'failed' AND finished_at >= :day::timestamptz),
           count(*) FILTER (WHERE state <> 'failed'),
           count(*) FILTER (WHERE state = 'scheduled'),
           min(due_at) FILTER (WHERE state IN ('scheduled', 'enqueued')),
           min(COALESCE(attempts.first_at, finished_at, started_at, due_at)),
           max(COALESCE(attempts.last_at, finished_at, started_at, due_at)) AS last_at,
           (array_agg(id::text ORDER BY COALESCE(attempts.last_at, finished_at, started_at, due_at) DESC))[1]
    FROM ({_FAILING_RUNS}) AS failing, LATERAL (
        SELECT min(attempt.finished_at) AS first_at, max(attempt.finished_at) AS last_at FROM {_ATTEMPTS}
    ) AS attempts
    GROUP BY failing.job, failing.error
    ORDER BY last_at DESC
"""
# A run of the last ones by id may have succeeded before an earlier one that took longer.
_JOBS = """
    SELECT wanted.name, series.since, (
               SELECT max(finished_at) FROM (
                   SELECT finished_at FROM job_run AS run
                   WHERE run.job BETWEEN wanted.name AND wanted.name AND run.state = 'succeeded'
                   ORDER BY run.job DESC, run.id DESC LIMIT 5
               ) AS latest
           ), job.muted_until, job.muted_by, job.mute_note
    FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name)
    LEFT JOIN job_failures AS series ON series.job = wanted.name
    LEFT JOIN job ON job.name = wanted.name AND job.muted_until > :now::timestamptz
"""


def _acknowledge(con: Connection, now: datetime, groups: list[FailureGroup]) -> list[FailureGroup]:
    """The groups, with the acknowledgements that no failure has followed."""
    found = {
        group_id(job, error_type, message): Acknowledgement(at, by, note)
        for job, error_type, message, action, at, by, note in con.query(_LAST_EVENTS, since=now - WINDOW)
        if action == "acknowledged"
    }
    return [
        replace(group, acknowledged=known)
        if (known := found.get(group.id)) and known.at >= group.last_at
        else group
        for group in groups
    ]


# No failure is older than WINDOW, so neither is an acknowledgement that still counts.
_LAST_EVENTS = """
    SELECT DISTINCT ON (job, error_type, message) job, error_type, message, action, at, actor, note
    FROM failure_event
    WHERE at >= :since::timestamptz AND error_type IS NOT NULL
    ORDER BY job, error_type, message, id DESC
"""


def trends(con: Connection, now: datetime) -> dict[str, list[int]]:
    """By group, how many attempts failed in each of the last 24 hours, the current one last."""

    def read() -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(lambda: [0] * TREND_HOURS)
        for job, error, hours_ago, number in con.query(TRENDS, **_parameters(now), first=first, hour=hour):
            found[group_id(job, *error_parts(error))][TREND_HOURS - 1 - hours_ago] += number
        return dict(found)

    hour = start_of_hour(now)
    first = hour - timedelta(hours=TREND_HOURS - 1)
    return cached(con, ("failure trends", hour), read)


TRENDS = f"""
    SELECT failing.job, failing.error,
           GREATEST(0, ceil(extract(epoch FROM :hour::timestamptz - attempt.finished_at) / 3600))::integer, count(*)
    FROM ({_FAILING_RUNS}) AS failing, {_ATTEMPTS} AND attempt.finished_at >= :first::timestamptz
    GROUP BY 1, 2, 3
"""


def find_group(con: Connection, now: datetime, wanted: str) -> FailureGroup | None:
    """The group of that id, as it is now."""
    groups = (group for job in _failing_jobs(con, now) for group in job.groups)
    return next((group for group in groups if group.id == wanted), None)


def runs_of(con: Connection, group: FailureGroup, now: datetime) -> tuple[list[str], list[str]]:
    """The ids of the group's failed runs and of those that wait for a retry, among the last MAX_RUNS_SEARCHED."""
    rows = con.query(_RUNS_OF, job=group.job, error_type=group.error_type, since=now - WINDOW)
    found = [(state, run_id) for state, run_id, error in rows if error_parts(error)[1] == group.message]
    failed = [run_id for state, run_id in found if state == "failed"]
    return failed, [run_id for state, run_id in found if state != "failed"]


_RUNS_OF = f"""
    (
        SELECT state, id::text, left(error, {ERROR_CHARACTERS}) FROM job_run
        WHERE job = :job AND state = 'failed' AND finished_at >= :since::timestamptz
          AND split_part(error, ': ', 1) = :error_type
        ORDER BY finished_at DESC LIMIT {MAX_RUNS_SEARCHED}
    )
    UNION ALL
    (
        SELECT state, id::text, left(error, {ERROR_CHARACTERS}) FROM job_run
        WHERE job = :job AND failures > 0 AND state = 'scheduled' AND split_part(error, ': ', 1) = :error_type
        ORDER BY due_at LIMIT {MAX_RUNS_SEARCHED}
    )
"""
