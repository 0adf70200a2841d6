"""What the runs of one job are doing now: those that are processing, and those that wait for a retry."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, count_up_to_cap
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.model import JsonRow

NAMED_RUNS = 3


@dataclass(frozen=True, slots=True)
class ProcessingRun(JsonRow):
    id: str
    started_at: datetime
    progress: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class JobActivity:
    """`runs` are the first of the `processing` ones. `next_retry_at` is when the first of the `retries` is due."""

    processing: CappedCount
    retries: CappedCount
    next_retry_at: datetime | None
    runs: list[ProcessingRun] = field(default_factory=list)


def activity_of(con: Connection, job: str) -> JobActivity:
    ((processing, retries, next_retry_at, runs),) = cached(
        con, ("activity", job), lambda: con.query(_ACTIVITY, job=job)
    )
    return JobActivity(
        CappedCount.of(processing),
        CappedCount.of(retries),
        next_retry_at,
        [ProcessingRun.from_json(run) for run in runs],
    )


_RETRIES = "job_run AS run WHERE run.job = :job AND run.state = 'scheduled' AND run.failures > 0"
_ACTIVITY = f"""
    SELECT {count_up_to_cap("job_run AS run WHERE run.job = :job AND run.state = 'processing'")},
           {count_up_to_cap(_RETRIES)},
           (SELECT run.due_at FROM {_RETRIES} ORDER BY run.due_at LIMIT 1),
           (
               SELECT COALESCE(json_agg(json_build_object(
                   'id', run.id, 'started_at', run.started_at,
                   'progress', CASE WHEN octet_length(run.progress::text) <= 1000 THEN run.progress END
               ) ORDER BY run.id), '[]')
               FROM (
                   SELECT * FROM job_run AS run WHERE run.job = :job AND run.state = 'processing'
                   ORDER BY run.id LIMIT {NAMED_RUNS}
               ) AS run
           )
"""
