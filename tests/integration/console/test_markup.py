"""Markup in what people and jobs write stays text on every page that shows it."""

from html import escape, unescape

import pytest

from slowmatch import schedules
from slowmatch.db import Connection
from slowmatch.jobs.lifecycle import pause
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import make_record

MARKUP = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\"'><b>{{ 7 * 7 }}"
RUN = "019ac000-0000-7000-8000-000000000001"
SUCCEEDED = "019ac000-0000-7000-8000-000000000002"


@pytest.fixture(autouse=True)
def markup_everywhere(con: Connection) -> None:
    """The record 1, the failed run `RUN` and the pause of its job, with markup in all their texts."""
    make_record(con, f"title {MARKUP}", hours=1)
    run_factory.make_run(
        con,
        "failed",
        run_id=RUN,
        job="daily-summary",
        error=f"error {MARKUP}",
        payload={"recipients": [f"payload {MARKUP}"]},
        by=f"actor {MARKUP}",
        lines=(("INFO", f"log {MARKUP}"),),
        attempt_fields={"traceback": f"traceback {MARKUP}", "worker": f"worker {MARKUP}"},
    )
    result = {f"result {MARKUP}": MARKUP}
    run_factory.make_run(con, "succeeded", run_id=SUCCEEDED, run_fields={"result": result})
    con.query(
        """
        INSERT INTO job_hour_error (job, hour, error_type, count, last_run_id, last_at)
        VALUES ('daily-summary', date_trunc('hour', now(), 'UTC'), :error_type, 1, CAST(:run AS uuid), now())
        """,
        error_type=f"type {MARKUP}",
        run=RUN,
    )
    schedules.put(con, "made", job="daily-summary", expression="rate(1 day)", actor=f"actor {MARKUP}")
    pause.pause(con, "daily-summary", f"actor {MARKUP}", f"note {MARKUP}", now=con.now())


@pytest.mark.parametrize(
    ("address", "texts"),
    [
        ("/records", ["title"]),
        ("/records/1", ["title"]),
        ("/records?q=script", ["title"]),
        ("/dashboard", ["error", "note"]),
        ("/dashboard/failed", ["error", "traceback"]),
        ("/dashboard/schedules", ["error", "note", "actor"]),
        ("/dashboard/schedules/made", ["actor"]),
        ("/dashboard/workers", ["worker"]),
        ("/dashboard/analytics", ["type"]),
        ("/dashboard/activity", ["title", "note", "actor"]),
        ("/jobs", ["error", "note", "actor"]),
        ("/jobs/daily-summary", ["error", "note", "actor", "type"]),
        (f"/runs/{RUN}", ["error", "payload", "actor", "traceback", "worker", "log"]),
        (f"/runs/{SUCCEEDED}", ["result"]),
        (f"/dashboard/runs?text={escape('<script>')}&job=%3Cb%3E", []),
    ],
)
def test_markup_stays_text(browser: FakeBrowser, address: str, texts: list[str]) -> None:
    page = browser.get(address)
    assert page.status == 200
    assert [
        markup for markup in ("<script>window", "<img src=x", "<b>{{", "<b></option>") if markup in page.text
    ] == []
    assert [text for text in texts if f"{text} <script>window" not in unescape(page.text)] == []


def test_markup_stays_text_after_a_deletion(browser: FakeBrowser) -> None:
    browser.post("/records/1/delete", {"sure": "yes"})
    assert "<script>window" not in browser.get("/records/1").text
