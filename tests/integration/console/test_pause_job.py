"""Pause and resume a schedule, with a note."""

import re
from dataclasses import replace

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle import pause
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.job_pages import (
    field_errors,
    job_card,
    set_schedule,
)


def test_pause_says_who_when_and_why_and_resume_ends_it(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post("/jobs/db-cleanup/pause", {"pause-note": "the disk is full"})
    page = browser.get(answer.location)
    assert re.search(r"Paused .* by kim@example\.com the disk is full", job_card(page))
    browser.sign_in(Role.OPERATOR, "lee@example.com")
    answer = browser.post("/jobs/db-cleanup/resume", {"back-to": "jobs"})
    assert "Paused" not in job_card(browser.get(answer.location))
    events = con.query("SELECT action, actor, note FROM schedule_event ORDER BY id")
    assert events == [
        ["paused", "kim@example.com", "the disk is full"],
        ["resumed", "lee@example.com", None],
    ]


def test_the_page_of_a_job_lists_its_last_five_pauses(browser: FakeBrowser, con: Connection) -> None:
    assert "Pauses" not in browser.get("/jobs/db-cleanup").text
    pause.pause(con, "record-expiry", "ann", "elsewhere", now=con.now())
    for week in range(3):
        pause.pause(con, "db-cleanup", "kim@example.com", f"audit {week}", now=con.now())
        pause.resume(con, "db-cleanup", "lee@example.com", con.now())
    page = browser.get("/jobs/db-cleanup").text
    told = re.findall(
        r'<tr id="pause-event-\d+"><td class="nowrap">(\w+)</td><td><time .*?</td>'
        r'<td><span class="person".*?>(.*?)</span></td><td class="muted note">(.*?)</td>',
        page,
    )
    resumed = ("resumed", "lee@example.com", "")
    assert told == [
        resumed,
        ("paused", "kim@example.com", "audit 2"),
        resumed,
        ("paused", "kim@example.com", "audit 1"),
        resumed,
    ]
    assert "elsewhere" not in page


def test_a_note_that_is_too_long_is_refused_at_its_field(browser: FakeBrowser, con: Connection) -> None:
    page = browser.post("/jobs/db-cleanup/pause", {"pause-note": "x" * 501})
    assert (page.status, list(field_errors(page))) == (422, ["pause-note"])
    assert con.query("SELECT FROM schedule_event") == []


def test_a_note_loses_what_postgresql_cannot_hold(browser: FakeBrowser, con: Connection) -> None:
    browser.post("/jobs/db-cleanup/pause", {"pause-note": "a\0b"})
    assert con.query("SELECT pause_note FROM job") == [["a\ufffdb"]]


def test_operators_resume_a_job_that_only_admins_run(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JOBS, "db-cleanup", replace(JOBS["db-cleanup"], role="admin"))
    browser.post("/jobs/db-cleanup/pause")
    browser.sign_in(Role.OPERATOR)
    actions = re.findall(r'action="/jobs/db-cleanup/(\w+)"', browser.get("/jobs").text)
    assert actions == ["resume", "mute"]
