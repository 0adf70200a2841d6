"""Scheduled occurrences that start no run at once: those that are skipped, and those that wait."""

from datetime import datetime

from slowmatch.db import Connection
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import promotion
from slowmatch.jobs.lifecycle.create import NewRun, create_runs


def has_run(con: Connection, job: str, occurrence: datetime) -> bool:
    """Whether a scheduled occurrence has its run."""
    rows = con.query(
        "SELECT FROM job_run WHERE job = :job AND occurrence = :occurrence", job=job, occurrence=occurrence
    )
    return bool(rows)


def skip_occurrence(con: Connection, job: Job, occurrence: datetime, reason: str) -> bool:
    """Create the occurrence's run as deleted, with the reason; False if it has a run already."""
    created = create_runs(
        con,
        job,
        "deleted",
        [NewRun({})],
        now=con.now(),
        trigger="schedule",
        actor="schedule",
        reason=f"skipped: {reason}",
        occurrence=occurrence,
    )
    return bool(created)


def let_occurrence_wait(con: Connection, job: Job, occurrence: datetime) -> None:
    """Create the occurrence's run, which waits for the run that is processing."""
    now = con.now()
    created = create_runs(
        con,
        job,
        "enqueued",
        [NewRun({})],
        now=now,
        trigger="schedule",
        actor="schedule",
        reason=promotion.WAITS,
        occurrence=occurrence,
        message_at=now + promotion.MAX_WAIT_WITHOUT_MESSAGE,
    )
    if created:
        promotion.promote_and_send(con, [job.name])
