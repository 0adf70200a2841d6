"""Runs that wait for a job which is not in the catalog: it was removed, or its job.py is wrong."""

from slowmatch.db import Connection
from slowmatch.db.counts import Count, capped, counting
from slowmatch.jobs.catalog import FLAWS, JOBS
from slowmatch.text import to_json

_WAITING = "state IN ('enqueued', 'scheduled')"
# From one job to the next, through the index of waiting runs by job and due time: the order asks for just that.
_REMOVED = f"""
    WITH RECURSIVE waiting(job) AS (
        (SELECT job FROM job_run WHERE {_WAITING} ORDER BY job, due_at LIMIT 1)
        UNION ALL
        SELECT (
            SELECT job FROM job_run WHERE {_WAITING} AND job > waiting.job ORDER BY job, due_at LIMIT 1
        ) FROM waiting WHERE waiting.job IS NOT NULL
    )
    SELECT job, {counting(f"job_run AS run WHERE run.job = waiting.job AND run.{_WAITING} ORDER BY due_at")}
    FROM waiting WHERE job IS NOT NULL AND NOT CAST(:jobs AS jsonb) ? job
    ORDER BY job
"""


def waiting_for_removed_jobs(con: Connection) -> dict[str, Count]:
    """By job: how many runs wait for it."""
    return {job: capped(number) for job, number in con.query(_REMOVED, jobs=to_json(list(JOBS)))}


def in_words(job: str, count: Count) -> str:
    """What to tell people about the runs that wait for such a job."""
    runs = "1 run waits" if count == (1, False, None) else f"{count.number:,}{'+' * count.capped} runs wait"
    if job in FLAWS:
        return f"{runs} for {job!r}, which is disabled: {FLAWS[job]}"
    return f"{runs} for {job!r}, which is not deployed any more: delete them or deploy it again"
