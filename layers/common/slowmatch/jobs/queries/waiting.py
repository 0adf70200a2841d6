"""What waits for a worker, job by job, as the database knows it."""

from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.counts import capped, counting
from slowmatch.jobs.catalog import JOBS
from slowmatch.text import to_json

# PostgreSQL expects as many rows of any JSON, and keeps its plan; the names in an array it counts, and plans anew.
NAMED = "jsonb_array_elements_text(CAST(:names AS jsonb))"


def queues(con: Connection, now: datetime) -> dict[str, dict[str, Any]]:
    """By job: how many runs are `enqueued` and `processing`, and since when the `oldest` that is due waits."""
    rows = con.query(_QUEUES, names=to_json(list(JOBS)), now=now)
    return {
        job: {"enqueued": capped(enqueued), "processing": capped(processing), "oldest": oldest}
        for job, enqueued, processing, oldest in rows
    }


def ahead(con: Connection, job: str) -> str | None:
    """The run that has to end before the next one of an exclusive job can start, if one is at work."""
    found = con.query(
        "SELECT id::text FROM job_run WHERE job = :job AND state = 'processing' AND exclusive", job=job
    )
    return found[0][0] if found else None


_OF_JOB = "job_run AS run WHERE run.job = wanted.name AND run.state ="
_QUEUES = f"""
    SELECT wanted.name, {counting(f"{_OF_JOB} 'enqueued'")}, {counting(f"{_OF_JOB} 'processing'")}, (
        SELECT run.due_at FROM job_run AS run
        WHERE run.job = wanted.name AND run.state IN ('enqueued', 'scheduled')
          AND run.due_at <= CAST(:now AS timestamptz)
        ORDER BY run.due_at LIMIT 1
    )
    FROM {NAMED} AS wanted(name)
"""
