"""Jobs that cannot run: their job.py is wrong, which every function sees, or their settings are.

Only the job's own function knows its settings. It notes in the database what is wrong with them.
"""

from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.jobs.catalog import CONFIG_ERRORS, JOBS
from slowmatch.text import clean

PROBE_AFTER = timedelta(minutes=30)
"""How long after the last failed start the dispatcher sends a run again, in case the settings were corrected.

Longer than SQS waits before it repeats the message of a failed start, so that there is seldom more than one.
"""


def disabled_jobs(con: Connection) -> dict[str, str]:
    """Why each disabled job cannot run, by name."""
    return CONFIG_ERRORS | {job: error for job, (error, _) in _noted(con).items()}


def jobs_to_probe(con: Connection, now: datetime) -> dict[str, bool]:
    """The jobs of the catalog whose settings are wrong, and whether it is time to send one of their runs."""
    return {job: now - at >= PROBE_AFTER for job, (_, at) in _noted(con).items()}


def note_config_error(con: Connection, job: str, error: str | None) -> None:
    """Note what is wrong with the job's settings, None for nothing. The job's function calls this when it starts."""
    if error is None:
        con.query(
            "UPDATE job SET flaw = NULL, flaw_at = NULL WHERE name = :job AND flaw IS NOT NULL", job=job
        )
        return
    con.query(
        """
        INSERT INTO job (name, flaw, flaw_at)
        VALUES (:job, :error, :now::timestamptz)
        ON CONFLICT (name) DO UPDATE SET flaw = EXCLUDED.flaw, flaw_at = EXCLUDED.flaw_at
        """,
        job=job,
        error=clean(error, 1_000),
        now=con.now(),
    )


def _noted(con: Connection) -> dict[str, tuple[str, datetime]]:
    rows = con.query("SELECT name, flaw, flaw_at FROM job WHERE flaw IS NOT NULL ORDER BY name")
    return {name: (error, at) for name, error, at in rows if name in JOBS}
