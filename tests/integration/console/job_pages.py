"""Finds runs, makes schedules of jobs, and reads the pages about them."""

import re
from html import unescape

from slowmatch.db import Connection
from slowmatch.jobs.model import Run
from slowmatch.jobs.queries import runs as run_queries
from tests.integration.console.conftest import Page


def find_runs(con: Connection) -> list[Run]:
    return [
        run_queries.get(con, run_id) for (run_id,) in con.query("SELECT id::text FROM job_run ORDER BY id")
    ]


def only_run(con: Connection) -> Run:
    (only,) = find_runs(con)
    return only


def set_schedule(con: Connection, job: str = "db-cleanup", expression: str = "cron(0 2 * * ? *)") -> None:
    con.query("INSERT INTO job (name, schedule) VALUES (:job, :expression)", job=job, expression=expression)


def job_card(page: Page, job: str = "db-cleanup") -> str:
    """The job's card, as people read it."""
    (article,) = re.findall(rf'<article class="job" id="job-{job}".*?</article>', page.text, re.S)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", article)))


def field_errors(page: Page) -> dict[str, str]:
    """The errors at the fields, by the field's name."""
    found = re.findall(
        r'name="([\w-]+)"[^>]*aria-invalid="true".*?<span class="field-error">(.*?)</span>', page.text, re.S
    )
    return dict(found)
