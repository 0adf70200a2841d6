"""The dashboard's own pages: is anything wrong, recurring jobs, workers, who did what."""

import re
from datetime import timedelta

import boto3
import pytest

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.dispatcher import heartbeat
from slowmatch.jobs.lifecycle import actions, messages, pause
from slowmatch.records import queries as records
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser

PAGES = [
    "failing",
    "runs",
    "enqueued",
    "scheduled",
    "processing",
    "succeeded",
    "failed",
    "deleted",
    "retries",
]
PAGES += ["schedules", "workers", "analytics", "activity", "upcoming"]


def finish_pass(con: Connection, ago: timedelta = timedelta(0)) -> None:
    """Note that the dispatcher finished a pass."""
    con.query(
        "INSERT INTO dispatcher_tick (finished_at) VALUES (CAST(:at AS timestamptz))", at=con.now() - ago
    )


def box(text: str, label: str) -> str:
    found = re.search(
        rf'class="box([^"]*)">\s*<span class="label">{label}</span>\s*<span class="value">(.*?)</span>', text
    )
    assert found, label
    return f"{found[2]}{found[1]}"


@pytest.mark.parametrize("page", ["", *(f"/{page}" for page in PAGES)])
def test_every_page_marks_itself_in_the_sidebar(page: str, browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed")
    answer = browser.get(f"/dashboard{page}")
    assert answer.status == 200
    (sidebar,) = re.findall(r'<nav class="sidebar".*?</nav>', answer.text, re.S)
    assert f'href="/dashboard{page}" aria-current="page"' in sidebar and sidebar.count("aria-current") == 1
    assert re.search(r'href="/dashboard/failed".*?<span class="count failed">1</span>', sidebar, re.S)
    assert len(re.findall("<li>", sidebar)) == len(PAGES) + 1


def test_without_problems_there_are_no_warnings(browser: FakeBrowser, con: Connection, queues: None) -> None:
    finish_pass(con)
    text = browser.get("/dashboard").text
    assert "No warnings." in text
    for label in ("Still failed, 24 h", "Missed, 24 h", "Dead letters"):
        assert box(text, label) == "0"


def test_a_destination_that_refuses_is_a_warning_since_when(
    browser: FakeBrowser, con: Connection, queues: None
) -> None:
    finish_pass(con)
    con.query(
        """
        INSERT INTO notification_destination
            (name, fingerprint, answer, failing_since, gave_up_at, switched_off_at, reason)
        VALUES ('ops', '', 'HTTP 404: no_service', now(), now(), now(), 'HTTP 404: no_service')
        """
    )
    text = browser.get("/dashboard").text
    assert "Notifications to ops are switched off: its last answer was HTTP 404: no_service. Since " in text


def test_the_latest_failures_are_shown_with_a_link_to_all(browser: FakeBrowser, con: Connection) -> None:
    for number, letter in enumerate("abcdefg"):
        run_factory.make_run(con, "failed", 60 * number, error=f"MailRefused: {letter}")
    text = browser.get("/dashboard").text
    assert (
        "record-expiry is failing: 7 runs failed in the last 7 days. It has been failing since <time" in text
    )
    assert box(text, "Still failed, 24 h") == "7 bad"
    assert re.findall(r"<b>MailRefused</b>: (\w)", text) == list("abcde")
    assert '<a class="push" href="/dashboard/failing">All failures</a>' in text


def test_dead_letters_and_a_late_dispatcher_are_warned_of(
    browser: FakeBrowser, con: Connection, queues: None
) -> None:
    finish_pass(con, timedelta(hours=1))
    boto3.client("sqs").send_message(QueueUrl=messages.queue_url("db-cleanup-dead"), MessageBody="{}")
    text = browser.get("/dashboard").text
    assert "The dispatcher has not finished a pass for more than 12 minutes" in text
    assert box(text, "Dead letters") == "1 bad"
    assert "docs/operations.md, “Drain the dead letters”" in text


def test_failing_duties_and_runs_of_removed_jobs_are_warned_of(browser: FakeBrowser, con: Connection) -> None:
    duties = {"send due runs of db-cleanup": "its queue <is gone>"}
    heartbeat.store_pass(con, con.now(), {"sent": 3, "lost": 0}, duties)
    run_factory.make_run(con, "enqueued", job="old-job")
    text = browser.get("/dashboard").text
    assert "send due runs of db-cleanup: its queue &lt;is gone&gt;. Since <time" in text
    assert 'href="/dashboard/runs?job=old-job"' in text
    text = browser.get("/dashboard/workers").text
    assert "send due runs of db-cleanup" in text and "sent: 3" in text


def test_silence_of_the_workers_is_warned_of(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "succeeded", 1000)
    run_factory.make_run(con, "enqueued", 900)
    for page in ("/dashboard", "/dashboard/workers"):
        assert "No worker has claimed a run, although runs are waiting. Since <time" in browser.get(page).text


def test_silent_queues_cost_a_part_of_the_time_only() -> None:
    config = sqs.client().meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) <= 10  # of 29


def test_without_the_queues_the_rest_is_shown(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "enqueued")
    for page in ("/dashboard", "/dashboard/workers"):
        answer = browser.get(page)
        assert answer.status == 200 and "The queues cannot be read" in answer.text
        assert re.search(r'href="/dashboard/enqueued\?job=record-expiry">1</a>', answer.text)
    assert box(browser.get("/dashboard").text, "Dead letters") == "? bad"


def test_what_is_running_is_shown_with_its_progress(browser: FakeBrowser, con: Connection) -> None:
    run_id = run_factory.make_run(con, "processing", progress={"done": 340000, "total": 1000000})
    text = browser.get("/dashboard").text
    assert f"/runs/{run_id}" in text and "340,000 of 1,000,000" in text
    assert '<progress max="100" value="34"' in text and "34 %" in text


def test_paused_jobs_are_named_with_who_and_why(browser: FakeBrowser, con: Connection) -> None:
    pause.pause(con, "db-cleanup", "ann", "audit <b>week</b>", now=con.now())
    text = browser.get("/dashboard").text
    assert box(text, "Paused jobs") == "1 notable"
    assert "paused by ann" in text and "audit &lt;b&gt;week&lt;/b&gt;" in text


def test_a_page_that_is_not_there_says_so(browser: FakeBrowser) -> None:
    answer = browser.get("/dashboard/nothing")
    assert answer.status == 404 and "&#39;nothing&#39;" in answer.text


def test_recurring_jobs_show_schedule_last_run_and_pause(browser: FakeBrowser, con: Connection) -> None:
    con.query("INSERT INTO job (name, schedule) VALUES ('db-cleanup', 'cron(0 2 * * ? *)')")
    run_id = run_factory.make_run(con, "failed", job="db-cleanup", run_fields={"occurrence": con.now()})
    text = browser.get("/dashboard/schedules").text
    assert "Every day at 02:00 UTC" in text and "cron(0 2 * * ? *)" in text
    assert f'<a class="failed" href="/runs/{run_id}">' in text and "MailRefused: 421" in text
    assert re.search(r'<time datetime="[^"]*T02:00:00Z"', text)
    assert 'action="/jobs/db-cleanup/run"' in text
    answer = browser.post("/jobs/db-cleanup/pause", {"back-to": "schedules", "pause-note": "audit"})
    assert (answer.status, answer.location) == (303, "/dashboard/schedules")
    text = browser.get("/dashboard/schedules").text
    assert '<span class="muted note">audit</span>' in text and 'action="/jobs/db-cleanup/resume"' in text


def test_missed_runs_are_listed_with_their_times(browser: FakeBrowser, con: Connection) -> None:
    for day in range(1, 6):
        con.query(f"INSERT INTO job_missed VALUES ('db-cleanup', '2026-01-0{day}T02:00:00Z', now())")
    text = browser.get("/dashboard/schedules").text
    assert "5 missed</span>, most recently:" in text
    assert re.findall(r"2026-01-0\d(?=T02:00:00Z)", text) == ["2026-01-05", "2026-01-04", "2026-01-03"]


def test_workers_say_what_they_do_and_since_when(browser: FakeBrowser, con: Connection, queues: None) -> None:
    finish_pass(con)
    run_id = run_factory.make_run(con, "processing", 30, attempt_fields={"worker": "record-expiry/aaaa"})
    run_factory.make_run(con, "succeeded", 60, attempt_fields={"worker": "record-expiry/bbbb"})
    run_factory.make_run(
        con, "processing", 700, job="db-cleanup", lease_until=con.now() - timedelta(minutes=1)
    )
    text = browser.get("/dashboard/workers").text
    assert "record-expiry/aaaa" in text and f"/runs/{run_id}" in text and "idle" in text
    assert text.count("lease expired") == 1


def test_activity_names_who_did_what_to_what(browser: FakeBrowser, con: Connection) -> None:
    now = con.now()
    made = enqueue(con, "db-cleanup", trigger="console", actor="ann").run_id
    actions.change(con, "delete", actor="bob", ids=[made])
    pause.pause(con, "db-cleanup", "cid", "audit", now=now)
    records.create(con, "Passport", now + timedelta(days=9), "dee")
    text = browser.get("/dashboard/activity").text
    for who in ("ann", "bob", "cid", "dee"):
        assert f">{who}</span></td>" in text
    assert text.count(f'href="/runs/{made}"') == 2 and "the schedule of" in text and ">Passport</a>" in text


def test_activity_has_pages(browser: FakeBrowser, con: Connection) -> None:
    for number in range(60):
        pause.pause(con, "db-cleanup", f"person-{number:02}", None, now=con.now())
    first = browser.get("/dashboard/activity").text
    (onward,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = browser.get(onward.replace("&amp;", "&")).text
    shown = [re.findall(r">(person-\d\d)<", text) for text in (first, second)]
    assert [len(names) for names in shown] == [50, 10] and not set(shown[0]) & set(shown[1])
    last = browser.get("/dashboard/activity?before=2000-01-01T00:00:00Z%20x").text
    assert "There are no older actions." in last
