"""/jobs and the page of one job: cards, the form that runs a job, pause and resume."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from console.web import render
from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import schedules
from slowmatch.jobs.dispatcher.schedules import RuleState
from slowmatch.jobs.lifecycle import finish, pause
from slowmatch.jobs.lifecycle.claim import Lease
from slowmatch.jobs.lifecycle.create import start
from slowmatch.jobs.lifecycle.reports import Reports
from slowmatch.jobs.model import AttemptResult, Run, RunState
from slowmatch.jobs.queries import runs as run_queries
from slowmatch.jobs.queries.job_summaries import EndedRun
from tests.integration.console.conftest import FakeBrowser, Page

NASTY = "<script>alert(1)</script>"


def runs(con: Connection) -> list[Run]:
    return [
        run_queries.get(con, run_id) for (run_id,) in con.query("SELECT id::text FROM job_run ORDER BY id")
    ]


def run(con: Connection) -> Run:
    (only,) = runs(con)
    return only


def scheduled(con: Connection, job: str = "db-cleanup", expression: str = "cron(0 2 * * ? *)") -> None:
    con.query("INSERT INTO job (name, schedule) VALUES (:job, :expression)", job=job, expression=expression)


def finished(con: Connection, job: str, state: str, seconds: float = 1.0, error: str = "Boom: no") -> str:
    """A run of the past minutes, with one attempt; its id."""
    now = con.now()
    lease = Lease(worker="worker", request_id="request", since=now - timedelta(minutes=1), until=now)
    claim = start(con, JOBS[job], lease, trigger="schedule", actor="schedule")
    assert claim is not None
    kind, _, message = error.partition(": ")
    failed = {"error_type": kind, "error_message": message} if state == "failed" else {}
    end = AttemptResult(outcome=state, state=state, reason="over", failures=0, **failed)  # type: ignore[arg-type]
    finish.finish(con, claim, end, lease.since + timedelta(seconds=seconds), reports=Reports())
    return claim.run_id


def card(page: Page, job: str = "db-cleanup") -> str:
    """The job's card, as people read it."""
    (article,) = re.findall(rf'<article class="job" id="job-{job}".*?</article>', page.text, re.S)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", article)))


def wrong(page: Page) -> dict[str, str]:
    """The errors at the fields, by the field's name."""
    found = re.findall(
        r'name="([\w-]+)"[^>]*aria-invalid="true".*?<span class="field-error">(.*?)</span>', page.text, re.S
    )
    return dict(found)


def test_every_job_says_what_it_does(browser: FakeBrowser) -> None:
    page = browser.get("/jobs")
    assert page.status == 200
    for spec in JOBS.values():
        assert spec.description in card(page, spec.name)


def test_a_schedule_is_described_and_shown_as_written_with_its_next_five_times(
    browser: FakeBrowser, con: Connection
) -> None:
    scheduled(con)
    page = browser.get("/jobs")
    assert "Every day at 02:00 UTC cron(0 2 * * ? *)" in card(page)
    (firings,) = re.findall(r'<ol class="next-times".*?</ol>', page.text, re.S)
    times = [datetime.fromisoformat(at) for at in re.findall(r'datetime="(.*?)"', firings)]
    assert len(times) == 5
    assert {(at.hour, at.minute) for at in times} == {(2, 0)}
    assert times == sorted(times)


def test_a_schedule_that_nobody_read_yet_says_so(browser: FakeBrowser) -> None:
    assert "Not known yet. The dispatcher will read it" in card(browser.get("/jobs"))


def test_a_disabled_rule_is_named(browser: FakeBrowser, con: Connection) -> None:
    scheduled(con)
    con.query("UPDATE job SET schedule_enabled = false")
    assert "Its rule is disabled in EventBridge" in card(browser.get("/jobs"))


def test_the_last_run_stands_with_state_duration_and_link(browser: FakeBrowser, con: Connection) -> None:
    run_id = finished(con, "db-cleanup", "succeeded", 3.2)
    page = browser.get("/jobs")
    assert f'href="/runs/{run_id}"' in page.text
    assert re.search(r"Last run succeeded .* took 3\.2 s", card(page))


def test_the_last_error_leads_to_its_run(browser: FakeBrowser, con: Connection) -> None:
    run_id = finished(con, "db-cleanup", "failed", error="Boom: the disk is full")
    assert re.search(rf'href="/runs/{run_id}"[^>]*>Boom: the disk is full</a>', browser.get("/jobs").text)


def test_the_sparkline_has_a_bar_for_each_run_as_high_as_it_was_long(
    browser: FakeBrowser, con: Connection
) -> None:
    for state, seconds in (("succeeded", 1), ("failed", 2), ("succeeded", 4)):
        finished(con, "db-cleanup", state, seconds)
    page = browser.get("/jobs")
    bars = re.findall(r'<rect class="(\w+)"[^>]* height="([\d.]+)"', page.text)
    assert bars == [("succeeded", "8.0"), ("failed", "16.0"), ("succeeded", "32.0")]
    assert 'aria-label="Last 3 runs: 2 succeeded, 1 failed; the longest took 4.0 s"' in page.text
    assert "<title>failed, 2.0 s, " in page.text


def test_one_run_is_not_said_to_be_many(browser: FakeBrowser, con: Connection) -> None:
    finished(con, "db-cleanup", "succeeded", 1)
    page = browser.get("/jobs")
    assert ">Last 1 run<" in page.text and 'aria-label="Last 1 run: ' in page.text


ENDED: list[tuple[RunState, int | None]] = [
    ("succeeded", 500),
    ("deleted", 300_000),
    ("succeeded", 1_000),
    ("failed", None),
]


def test_a_deleted_run_does_not_dwarf_the_others_in_the_sparkline() -> None:
    recent = [EndedRun("an id", state, datetime(2026, 11, 24, 2, tzinfo=UTC), ms) for state, ms in ENDED]
    sparkline = render.templates().get_template("job_macros.html").module.sparkline(recent)  # type: ignore[attr-defined]
    assert [float(height) for height in re.findall(r' height="([\d.]+)" rx', sparkline)] == [16, 32, 32, 3]


def test_figures_of_seven_days_missed_runs_and_waiting_runs(browser: FakeBrowser, con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_hour (job, hour, succeeded, failed, p50_ms, p95_ms)
        VALUES ('db-cleanup', date_trunc('hour', now() - interval '3 hours', 'UTC'), 3, 1, 840, 3200)
        """
    )
    con.query("INSERT INTO job_missed (job, occurrence, noticed_at) VALUES ('db-cleanup', now(), now())")
    enqueue(con, "db-cleanup")
    said = card(browser.get("/jobs"))
    assert "Success, 7 days 75.0 %" in said
    assert "p50 / p95 840 ms / 3.2 s" in said
    assert "Missed runs 1" in said
    assert "Waiting 1" in said


def test_run_now_takes_one_click_and_links_to_the_run(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post("/jobs/db-cleanup/run")
    made = run(con)
    assert (answer.status, answer.location) == (303, "/jobs/db-cleanup")
    assert (made.state, made.payload, made.trigger, made.triggered_by) == (
        "enqueued",
        {},
        "console",
        "kim@example.com",
    )
    page = browser.get(answer.location)
    short = f"{made.id[:8]}…{made.id[-4:]}"
    assert f'Run {short} of db-cleanup started. <a href="/runs/{made.id}">Open the run</a>' in page.text


def test_from_the_list_one_comes_back_to_the_list(browser: FakeBrowser) -> None:
    assert browser.post("/jobs/db-cleanup/run", {"back-to": "jobs"}).location == "/jobs"
    assert (
        browser.post("/jobs/db-cleanup/run", {"back-to": "//evil.example.com"}).location == "/jobs/db-cleanup"
    )


def test_the_form_has_an_input_of_the_right_kind_for_each_field(browser: FakeBrowser) -> None:
    cleanup, summary = browser.get("/jobs/db-cleanup").text, browser.get("/jobs/daily-summary").text
    assert re.search(r'name="dry_run" type="checkbox"', cleanup)
    assert re.search(
        r'name="older_than_days" type="number"[^>]* min="1" max="3650"[^>]* placeholder="30"', cleanup
    )
    assert re.search(r'name="day" type="date"', summary)
    assert re.search(
        r'name="recipients" type="text"[^>]* placeholder="one@example.com, two@example.com"', summary
    )


@pytest.mark.parametrize(
    ("job", "form", "payload"),
    [
        (
            "db-cleanup",
            {"dry_run": "true", "older_than_days": "40"},
            {"dry_run": True, "older_than_days": 40},
        ),
        (
            "db-cleanup",
            {"older_than_days": " ", "delay-minutes": "", "run-at": "", "run-at_offset": "+01:00"},
            {},
        ),
        (
            "daily-summary",
            {"day": "2026-11-23", "recipients": "a@example.com, b@example.com"},
            {"day": "2026-11-23", "recipients": ["a@example.com", "b@example.com"]},
        ),
    ],
)
def test_the_form_becomes_the_payload(
    browser: FakeBrowser, con: Connection, job: str, form: dict[str, str], payload: dict[str, Any]
) -> None:
    assert browser.post(f"/jobs/{job}/run", form).status == 303
    assert (run(con).payload, run(con).state) == (payload, "enqueued")


@pytest.mark.parametrize(
    ("job", "field", "typed", "words"),
    [
        ("db-cleanup", "older_than_days", "0", "Must be a whole number from 1 to 3650."),
        ("db-cleanup", "older_than_days", "9" * 400, "Must be a whole number from 1 to 3650."),
        ("db-cleanup", "older_than_days", "٣", "Must be a whole number from 1 to 3650."),
        ("db-cleanup", "older_than_days", '"><b>', "Must be a whole number from 1 to 3650."),
        ("daily-summary", "day", "2026-02-30", "Must be a date such as 2026-12-31."),
        ("daily-summary", "recipients", "nobody", "Must be a list of email addresses."),
        ("db-cleanup", "delay-minutes", "0", "Must be a whole number from 1 to 527,040."),
        ("db-cleanup", "delay-minutes", "soon", "Must be a whole number from 1 to 527,040."),
        ("db-cleanup", "run-at", "tomorrow", "Must be a date and time such as 2026-12-31T12:00."),
        ("db-cleanup", "run-at", "2020-01-01T00:00", "Must be in the future, and at most a year from now."),
        ("db-cleanup", "run-at", "9000-01-01T00:00", "Must be in the future, and at most a year from now."),
    ],
)
def test_a_wrong_field_is_named_in_its_place_keeps_what_was_typed_and_starts_nothing(
    browser: FakeBrowser, con: Connection, job: str, field: str, typed: str, words: str
) -> None:
    page = browser.post(f"/jobs/{job}/run", {field: typed})
    assert (page.status, wrong(page)) == (422, {field: words})
    (value,) = re.findall(rf'name="{field}"[^>]*? value="([^"]*)"', page.text)
    assert unescape(value) == typed
    assert runs(con) == []
    assert page.headers["HX-Push-Url"] == f"/jobs/{job}"


def test_all_wrong_fields_are_named_and_a_checked_box_stays_checked(browser: FakeBrowser) -> None:
    page = browser.post(
        "/jobs/db-cleanup/run", {"dry_run": "true", "older_than_days": "x", "delay-minutes": "y"}
    )
    assert set(wrong(page)) == {"older_than_days", "delay-minutes"}
    assert re.search(r'name="dry_run" type="checkbox" value="true" checked', page.text)


def test_minutes_and_a_date_together_are_refused(browser: FakeBrowser, con: Connection) -> None:
    page = browser.post("/jobs/db-cleanup/run", {"delay-minutes": "5", "run-at": "2026-12-01T00:00"})
    assert wrong(page) == {"run-at": "Enter minutes or a date, not both."}
    assert runs(con) == []


def test_run_later_in_minutes(browser: FakeBrowser, con: Connection) -> None:
    answer = browser.post("/jobs/db-cleanup/run", {"delay-minutes": "90"})
    made = run(con)
    ahead = made.due_at - made.created_at
    assert (made.state, round(ahead / timedelta(minutes=1))) == ("scheduled", 90)
    assert "of db-cleanup starts in 90 minutes." in browser.get(answer.location).text


@pytest.mark.parametrize(("offset", "hour"), [("+05:30", 6), ("", 12)])
def test_run_later_at_a_time_of_the_viewers_zone_or_of_utc(
    browser: FakeBrowser, con: Connection, offset: str, hour: int
) -> None:
    day = (con.now() + timedelta(days=3)).date()
    browser.post("/jobs/db-cleanup/run", {"run-at": f"{day}T12:00", "run-at_offset": offset})
    due = run(con).due_at.astimezone(UTC)
    assert (due.date(), due.hour, due.minute) == (day, hour, 30 if offset else 0)


def test_pause_says_who_when_and_why_and_resume_ends_it(browser: FakeBrowser, con: Connection) -> None:
    scheduled(con)
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post("/jobs/db-cleanup/pause", {"pause-note": f"disk {NASTY}"})
    page = browser.get(answer.location)
    assert re.search(r"Paused .* by kim@example\.com disk <script>alert\(1\)</script>", card(page))
    assert NASTY not in page.text
    assert "It will not start any runs until it is resumed." in card(page)
    browser.sign_in(Role.OPERATOR, "lee@example.com")
    answer = browser.post("/jobs/db-cleanup/resume", {"back-to": "jobs"})
    assert "Paused" not in card(browser.get(answer.location))
    events = con.query("SELECT action, actor, note FROM schedule_event ORDER BY id")
    assert events == [
        ["paused", "kim@example.com", f"disk {NASTY}"],
        ["resumed", "lee@example.com", None],
    ]


def test_the_page_of_a_job_lists_its_last_five_pauses_with_who_when_and_why(
    browser: FakeBrowser, con: Connection
) -> None:
    assert "Pauses" not in browser.get("/jobs/db-cleanup").text
    pause.pause(con, "record-expiry", "ann", "elsewhere", now=con.now())
    for week in range(3):
        pause.pause(con, "db-cleanup", "kim@example.com", f"audit {week} {NASTY}", now=con.now())
        pause.resume(con, "db-cleanup", "lee@example.com", con.now())
    page = browser.get("/jobs/db-cleanup").text
    told = re.findall(
        r'<tr id="pause-event-\d+"><td class="nowrap">(\w+)</td><td><time .*?</td>'
        r'<td><span class="person".*?>(.*?)</span></td><td class="muted note">(.*?)</td>',
        page,
    )
    resumed = ("resumed", "lee@example.com", "")
    assert [(action, who, unescape(note)) for action, who, note in told] == [
        resumed,
        ("paused", "kim@example.com", f"audit 2 {NASTY}"),
        resumed,
        ("paused", "kim@example.com", f"audit 1 {NASTY}"),
        resumed,
    ]
    assert NASTY not in page and "elsewhere" not in page


def test_a_note_that_is_too_long_is_refused_at_its_field(browser: FakeBrowser, con: Connection) -> None:
    page = browser.post("/jobs/db-cleanup/pause", {"pause-note": "x" * 501})
    assert (page.status, wrong(page)) == (
        422,
        {"pause-note": "Must have at most 500 characters, but has 501."},
    )
    assert con.query("SELECT FROM schedule_event") == []


def test_a_note_with_what_postgresql_cannot_hold_is_kept_without_it(
    browser: FakeBrowser, con: Connection
) -> None:
    browser.post("/jobs/db-cleanup/pause", {"pause-note": "a\0b"})
    assert con.query("SELECT pause_note FROM job") == [["a\ufffdb"]]


def test_a_viewer_sees_no_buttons_and_is_refused_everywhere(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.VIEWER)
    for address in ("/jobs", "/jobs/db-cleanup"):
        page = browser.get(address).text
        assert "Run now" not in page
        assert 'action="/jobs' not in page
    for action in ("run", "pause", "resume"):
        assert browser.post(f"/jobs/db-cleanup/{action}").status == 403
    assert runs(con) == []


def test_a_job_that_is_not_in_the_catalog_is_a_page_that_says_so(browser: FakeBrowser) -> None:
    words = f"There is no job &#39;nightly&#39;; the jobs are {', '.join(JOBS)}."
    for page in (browser.get("/jobs/nightly"), browser.post("/jobs/nightly/run")):
        assert (page.status, words in page.text) == (404, True)


def test_the_page_of_a_job_lists_its_last_runs_and_leads_to_all(
    browser: FakeBrowser, con: Connection
) -> None:
    made = [finished(con, "db-cleanup", "failed", error=f"Boom: {NASTY}") for _ in range(21)]
    other = finished(con, "record-expiry", "succeeded")
    page = browser.get("/jobs/db-cleanup").text
    assert re.findall(r'<tr id="run-(.*?)"', page) == sorted(made, reverse=True)[:20]
    assert other not in page
    assert '<a class="push" href="/dashboard/runs?job=db-cleanup">All runs of this job</a>' in page
    assert NASTY not in page


@pytest.mark.usefixtures("half_past")
@pytest.mark.parametrize("address", ["/jobs", "/jobs/db-cleanup"])
def test_what_has_not_changed_costs_a_304(browser: FakeBrowser, con: Connection, address: str) -> None:
    finished(con, "db-cleanup", "succeeded")
    tag = browser.get(address).headers["ETag"]
    assert browser.get(address, if_none_match=tag).status == 304
    finished(con, "db-cleanup", "succeeded")
    assert browser.get(address, if_none_match=tag).status == 200


def test_a_job_that_people_start_says_so_and_has_neither_a_pause_nor_a_button_without_its_form(
    browser: FakeBrowser, con: Connection
) -> None:
    schedules.store(con, "send-test-mail", RuleState(None, False, con.now(), con.now()))
    shown = card(browser.get("/jobs"), "send-test-mail")
    assert "None: it is started by people and API clients." in shown
    assert "Send a test email" in shown
    assert [word for word in ("Pause", "Run now", "Missed") if word in shown] == []
    assert 'id="job-send-test-mail"' not in browser.get("/dashboard/recurring").text
    assert browser.post("/jobs/send-test-mail/pause").status == 409
    assert "One attempt" in browser.get("/jobs/send-test-mail").text


def test_a_test_mail_goes_to_its_sender_by_default(browser: FakeBrowser, con: Connection) -> None:
    assert 'name="to" type="text" value=""' in browser.get("/jobs/send-test-mail").text
    browser.sign_in(Role.ADMIN, "ada@example.com")
    assert (
        '<a class="button primary" href="/jobs/send-test-mail">Send a test email</a>'
        in browser.get("/jobs").text
    )
    assert 'name="to" type="text" value="ada@example.com"' in browser.get("/jobs/send-test-mail").text
    assert browser.post("/jobs/send-test-mail/run", {"to": "ada@example.com, ops@example.com"}).status == 303
    assert run(con).payload == {"to": ["ada@example.com", "ops@example.com"]}


def test_only_admins_send_a_test_mail_or_send_it_again(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR)
    for page in (browser.get("/jobs"), browser.get("/jobs/send-test-mail")):
        assert "Send a test email" not in page.text
    assert browser.post("/jobs/send-test-mail/run", {"to": "kim@example.com"}).status == 403
    assert runs(con) == []
    run_id = finished(con, "send-test-mail", "failed")
    assert "Requeue" not in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/requeue").status == 403
    browser.sign_in(Role.ADMIN)
    assert "Requeue" in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/requeue").status == 303
