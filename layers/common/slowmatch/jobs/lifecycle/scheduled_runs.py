"""Scheduled occurrences that start no run at once: those that are skipped, that wait, and that are due soon.

`schedule` is the name of a schedule that was made at run time; without one, the occurrence is of the job's rule.
"""

from datetime import datetime
from typing import Any

from slowmatch.db import Connection, ExternalConnection
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import messages, promotion
from slowmatch.jobs.lifecycle.create import NewRun, create_runs


def has_run(con: Connection, job: str, occurrence: datetime, schedule: str = "") -> bool:
    """Whether a scheduled occurrence has its run."""
    rows = con.query(
        "SELECT FROM job_run WHERE job = :job AND schedule = :schedule AND occurrence = :occurrence",
        job=job,
        schedule=schedule,
        occurrence=occurrence,
    )
    return bool(rows)


def has_begun(con: Connection | ExternalConnection, job: str, occurrence: datetime, schedule: str) -> bool:
    """Whether the occurrence has a run that does not wait for it: it was started before, or deleted.

    One that waits is locked, so that it cannot start until the transaction ends.
    """
    rows = con.query(
        """
        SELECT state <> 'scheduled' OR attempt > 0 FROM job_run
        WHERE job = :job AND schedule = :schedule AND occurrence = :occurrence::timestamptz
        FOR UPDATE
        """,
        job=job,
        schedule=schedule,
        occurrence=occurrence,
    )
    return any(begun for (begun,) in rows)


def skip_occurrence(
    con: Connection,
    job: Job,
    occurrence: datetime,
    reason: str,
    payload: dict[str, Any] | None = None,
    schedule: str = "",
) -> bool:
    """Create the occurrence's run as deleted, with the reason; False if it has a run already."""
    created = create_runs(
        con,
        job,
        "deleted",
        [NewRun(payload or {})],
        now=con.now(),
        trigger="schedule",
        actor="schedule",
        reason=f"skipped: {reason}",
        schedule=schedule,
        occurrence=occurrence,
    )
    return bool(created)


def let_occurrence_wait(
    con: Connection, job: Job, occurrence: datetime, payload: dict[str, Any] | None = None, schedule: str = ""
) -> None:
    """Create the occurrence's run, which waits for the run that is processing."""
    now = con.now()
    created = create_runs(
        con,
        job,
        "enqueued",
        [NewRun(payload or {})],
        now=now,
        trigger="schedule",
        actor="schedule",
        reason=promotion.WAITS,
        schedule=schedule,
        occurrence=occurrence,
        message_at=now + promotion.MAX_WAIT_WITHOUT_MESSAGE,
    )
    if created:
        promotion.promote_and_send(con, [job.name])


def delay(
    con: Connection | ExternalConnection,
    job: Job,
    occurrence: datetime,
    payload: dict[str, Any],
    schedule: str,
) -> None:
    """Create the occurrence's run, which is due then, unless it has one. Its message is sent after the commit."""
    now, new = con.now(), NewRun(payload)
    created = create_runs(
        con,
        job,
        "scheduled",
        [new],
        now=now,
        trigger="schedule",
        actor="schedule",
        reason="created by schedule",
        schedule=schedule,
        occurrence=occurrence,
        due_at=occurrence,
        message_at=messages.visible_at(occurrence, now),
    )
    message = messages.RunMessage(job.name, new.id, 1, occurrence)
    if created:
        con.after_commit(lambda: messages.send(con, [message]))


def drop_delayed(con: Connection | ExternalConnection, job: str, schedule: str) -> None:
    """Forget the run that waits for an occurrence, because its schedule is changed or deleted.

    It may be due already: its message can be late. One that waits for another run to end is no longer `scheduled`.
    """
    con.query(
        """
        DELETE FROM job_run
        WHERE job = :job AND schedule = :schedule AND occurrence IS NOT NULL
          AND state = 'scheduled' AND attempt = 0
        """,
        job=job,
        schedule=schedule,
    )
