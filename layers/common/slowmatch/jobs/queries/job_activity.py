"""What a job's runs do at present: which are processing, how many are retried, how many are due later."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slowmatch.db.counts import COUNT_CAP, count_up_to_cap
from slowmatch.jobs.model import JsonRow

RUNNING_SHOWN = 3
ERROR_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class RunningRun(JsonRow):
    """A run that is processing, since the start of its current attempt."""

    id: str = field(metadata={"json_schema_extra": {"format": "uuid"}})
    attempt: int
    started_at: datetime
    progress: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class RetryingRuns(JsonRow):
    """How many runs failed and wait for their next attempt, and of the first one of them: its id, error and when."""

    number: int
    capped: bool
    next_at: datetime
    run_id: str = field(metadata={"json_schema_extra": {"format": "uuid"}})
    error: str | None


@dataclass(frozen=True, slots=True)
class DelayedRuns(JsonRow):
    """How many runs are due later for the first time, and when the first one is."""

    number: int
    capped: bool
    next_at: datetime


# A range of one name, not an equality: with an equality the planner expects to meet the job soon on its way through
# the primary key, and walks through all runs for a job that has none.
OF_JOB = "run.job BETWEEN wanted.name AND wanted.name"
RUNNING = f"""(
    SELECT COALESCE(json_agg(json_build_object(
        'id', running.id, 'attempt', running.attempt, 'started_at', running.started_at, 'progress', running.progress
    ) ORDER BY running.id DESC), '[]')
    FROM (
        SELECT run.id, run.attempt, COALESCE(attempt.started_at, run.started_at) AS started_at,
               CASE WHEN octet_length(run.progress::text) <= 1000 THEN run.progress END AS progress
        FROM job_run AS run LEFT JOIN job_attempt AS attempt ON attempt.run_id = run.id AND attempt.number = run.attempt
        WHERE {OF_JOB} AND run.state = 'processing' ORDER BY run.job DESC, run.id DESC LIMIT {RUNNING_SHOWN}
    ) AS running
)"""
# Counted in the order of the indexes by job and due time, which begin with the first one.
_RETRYING = f"""job_run AS run
    WHERE {OF_JOB} AND run.failures > 0 AND run.state IN ('scheduled', 'enqueued')
    ORDER BY run.job, run.due_at"""
RETRYING = f"""(
    SELECT json_build_object(
        'number', LEAST(number, {COUNT_CAP}), 'capped', number > {COUNT_CAP}, 'next_at', due_at, 'run_id', id,
        'error', left(error, {ERROR_CHARACTERS})
    )
    FROM (SELECT {count_up_to_cap(_RETRYING)} AS number OFFSET 0) AS counted
    LEFT JOIN (SELECT id, due_at, error FROM {_RETRYING} LIMIT 1) AS next ON true
)"""
DELAYED = f"""(
    SELECT json_build_object(
        'number', LEAST(count(*), {COUNT_CAP}), 'capped', count(*) > {COUNT_CAP}, 'next_at', min(due_at)
    )
    FROM (
        SELECT due_at FROM job_run AS run
        WHERE {OF_JOB} AND run.failures = 0 AND run.state = 'scheduled' AND run.state IN ('enqueued', 'scheduled')
          AND run.due_at > now()
        ORDER BY run.job, run.due_at LIMIT {COUNT_CAP + 1}
    ) AS waiting
)"""
