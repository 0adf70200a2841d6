"""Lists of runs: columns, search and filter in the address, pages, errors at the field, what each role may do."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle.scheduled_runs import skip_occurrence
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser

HOUR = timedelta(hours=1)
STATES = ["enqueued", "scheduled", "processing", "succeeded", "failed", "deleted"]
HEADINGS = {
    "runs": ["Run", "State", "Job", "Started by", "Created", "Duration"],
    "enqueued": ["Run", "State", "Job", "Started by", "Due"],
    "scheduled": ["Run", "Due", "Job", "Reason", "Scheduled"],
    "processing": ["Run", "Worker", "Job", "Started", "Duration", "Progress"],
    "succeeded": ["Run", "Job", "Duration", "Latency", "Ended"],
    "failed": ["Run", "Job", "Error", "Ended"],
    "deleted": ["Run", "Job", "Reason", "Created", "Ended"],
    "retries": ["Run", "State", "Job", "Reason", "Due", "Created"],
}


def rows(text: str) -> list[str]:
    """The identifiers of the runs that a list shows, in its order."""
    return re.findall(r'<tr id="run-([^"]*)"', text)


def row(text: str, run_id: str) -> str:
    (found,) = re.findall(rf'<tr id="run-{run_id}".*?</tr>', text, re.S)
    return str(found)


def make_retry(con: Connection) -> str:
    return run_factory.make_run(con, "scheduled", retries=2, error="Unavailable: the database is away")


@pytest.mark.parametrize("name", HEADINGS)
def test_each_list_has_its_columns(name: str, browser: FakeBrowser, con: Connection) -> None:
    for state in STATES:
        run_factory.make_run(con, state)
    make_retry(con)
    headings = re.findall(r"<th[^>]*>(?:<a [^>]*>)?([^<]+)<", browser.get(f"/dashboard/{name}").text)
    assert headings == HEADINGS[name]


@pytest.mark.parametrize("state", ["processing", "succeeded", "failed", "deleted"])
def test_a_list_shows_the_runs_of_its_state_newest_first(
    state: str, browser: FakeBrowser, con: Connection
) -> None:
    for other in STATES:
        run_factory.make_run(con, other)
    old, new = run_factory.make_run(con, state, 100), run_factory.make_run(con, state, -1)
    found = rows(browser.get(f"/dashboard/{state}").text)
    assert (len(found), found[0], found[-1]) == (3, new, old)


@pytest.mark.parametrize("state", ["enqueued", "scheduled"])
def test_runs_that_wait_are_listed_by_when_they_are_due(
    state: str, browser: FakeBrowser, con: Connection
) -> None:
    due = [run_factory.make_run(con, state, due=con.now() + number * HOUR) for number in (3, 1, 2)]
    text = browser.get(f"/dashboard/{state}").text
    assert rows(text) == [due[1], due[2], due[0]]
    assert 'aria-sort="ascending"' in text and f'href="/dashboard/{state}?sort=-due"' in text
    latest_first = browser.get(f"/dashboard/{state}?sort=-due").text
    assert rows(latest_first) == [due[0], due[2], due[1]] and 'aria-sort="descending"' in latest_first


def test_only_headings_that_an_index_sorts_are_links(browser: FakeBrowser, con: Connection) -> None:
    for state in STATES:
        run_factory.make_run(con, state)
    make_retry(con)
    found = {
        name: re.findall(r'<th class="sortable"[^>]*><a [^>]*>(\w+)', browser.get(f"/dashboard/{name}").text)
        for name in HEADINGS
    }
    assert {name: links for name, links in found.items() if links} == {
        "runs": ["Created"],
        "enqueued": ["Due"],
        "scheduled": ["Due"],
        "failed": ["Ended"],
        "deleted": ["Created"],
        "retries": ["Due", "Created"],
    }


def test_pages_sorted_by_time_follow_each_other(browser: FakeBrowser, con: Connection) -> None:
    at = con.now() + HOUR
    made = [run_factory.make_run(con, "scheduled", due=at + (number // 4) * HOUR) for number in range(25)]
    first = browser.get("/dashboard/scheduled?size=10").text
    seen = rows(first)
    for _ in range(2):
        (onward,) = re.findall(r'rel="next" href="([^"]*)"', first)
        first = browser.get(unescape(onward)).text
        seen += rows(first)
    assert seen == sorted(made, key=lambda run_id: (made.index(run_id) // 4, run_id))


def test_retries_are_those_that_failed_before_with_the_reason(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "scheduled")
    run_id = make_retry(con)
    text = browser.get("/dashboard/retries").text
    assert rows(text) == [run_id]
    assert "Retry 2 of 10: <b>Unavailable</b>: the database is away" in row(text, run_id)
    assert "Delayed by kim@example.com" in browser.get("/dashboard/scheduled").text


def test_a_run_in_processing_whose_lease_is_over_is_marked(browser: FakeBrowser, con: Connection) -> None:
    late = run_factory.make_run(con, "processing", 900, lease_until=con.now())
    fine = run_factory.make_run(con, "processing", progress={"done": 3, "total": None})
    text = browser.get("/dashboard/processing").text
    assert "lease expired" in row(text, late) and "lease expired" not in row(text, fine)
    assert "[$LATEST]5f3c" in row(text, fine) and "3 done" in row(text, fine)


def test_a_row_has_the_figures_that_there_are(browser: FakeBrowser, con: Connection) -> None:
    done, waits = run_factory.make_run(con, "succeeded"), run_factory.make_run(con, "enqueued")
    text = browser.get("/dashboard/succeeded").text
    figures = re.findall(r"c-(duration|latency)[^>]*>([^<]*?)\s*<", row(text, done))
    assert figures == [("duration", "1.2 s"), ("latency", "200 ms")]
    assert 'data-label="Duration"' not in row(browser.get("/dashboard/runs").text, waits)


def test_enqueued_runs_are_counted_by_queue(browser: FakeBrowser, con: Connection) -> None:
    lengths = {"record-expiry": 2, "db-cleanup": 1}
    for job, length in lengths.items():
        for _ in range(length):
            run_factory.make_run(con, "enqueued", job=job)
    text = browser.get("/dashboard/enqueued").text
    (chips,) = re.findall(r'aria-label="Queues">.*?</nav>', text, re.S)
    assert re.findall(r'href="([^"]*)".*?>\s*([\w-]+) <span class="muted">(\d+)', chips) == [
        ("/dashboard/enqueued", "All", "3"),
        *((f"/dashboard/enqueued?job={job}", job, str(lengths.get(job, 0))) for job in JOBS),
    ]
    assert len(rows(browser.get("/dashboard/enqueued?job=db-cleanup").text)) == 1


def test_filters_narrow_and_stand_in_the_form_again(browser: FakeBrowser, con: Connection) -> None:
    usual: dict[str, Any] = {"job": "db-cleanup", "by": "", "error": "KeyError: 'x'"}
    wanted = run_factory.make_run(con, "failed", 60, **usual)
    for name, value in (("job", "daily-summary"), ("by", "kim@example.com"), ("error", "ValueError: y")):
        run_factory.make_run(con, "failed", 60, **{**usual, name: value})
    text = browser.get("/dashboard/failed?job=db-cleanup&trigger=schedule&error_type=KeyError").text
    assert rows(text) == [wanted]
    assert "<option selected>db-cleanup</option>" in text and "<option selected>schedule</option>" in text
    assert 'name="error_type" value="KeyError"' in text and 'href="/dashboard/failed">Clear</a>' in text


def test_each_active_filter_is_a_chip_that_removes_it(browser: FakeBrowser, con: Connection) -> None:
    text = browser.get("/dashboard/runs?job=db-cleanup&text=%3Cb%3E&from=2026-03-01T12:15&from_offset=Z").text
    (chips,) = re.findall(r'aria-label="Active filters">.*?</ul>', text, re.S)
    assert "&lt;b&gt;" in chips and "<b>db-cleanup</b>" in chips
    assert [unescape(each) for each in re.findall(r'href="([^"]*)"', chips)] == [
        "/dashboard/runs?job=db-cleanup&from=2026-03-01T12%3A15&from_offset=Z",
        "/dashboard/runs?text=%3Cb%3E&from=2026-03-01T12%3A15&from_offset=Z",
        "/dashboard/runs?text=%3Cb%3E&job=db-cleanup",
    ]


@pytest.mark.parametrize(("last", "number"), [("15m", 1), ("1h", 2), ("24h", 3), ("7d", 4)])
def test_a_preset_shows_the_runs_of_the_last_minutes_or_days(
    last: str, number: int, browser: FakeBrowser, con: Connection
) -> None:
    for ago in (300, 1800, 7200, 200_000, 800_000):
        run_factory.make_run(con, "deleted", ago)
    text = browser.get(f"/dashboard/deleted?last={last}").text
    assert len(rows(text)) == number
    assert re.search(rf'href="/dashboard/deleted\?last={last}" aria-current="true"', text)


def test_a_search_about_errors_shows_them_in_every_list(browser: FakeBrowser, con: Connection) -> None:
    run_id = run_factory.make_run(con, "deleted", run_fields={"error": "MailError: mailbox full"})
    assert "mailbox full" not in row(browser.get("/dashboard/deleted").text, run_id)
    for query in ("text=mailbox", "error_type=MailError"):
        for name in ("deleted", "runs"):
            assert "mailbox full" in row(browser.get(f"/dashboard/{name}?{query}").text, run_id)


def test_deleted_runs_say_who_deleted_them_and_why(browser: FakeBrowser, con: Connection) -> None:
    made = {state: run_factory.make_run(con, state) for state in ("failed", "processing")}
    browser.sign_in(Role.ADMIN, "ann@example.com")
    browser.post(f"/runs/{made['failed']}/delete")
    browser.post(f"/runs/{made['processing']}/stop")
    skip_occurrence(con, JOBS["db-cleanup"], con.now(), "the job was still running")
    text = browser.get("/dashboard/deleted").text
    assert re.search(r"Deleted by\s.*?>ann@example.com<", row(text, made["failed"]), re.S)
    assert re.search(r"Stopped by\s.*?>ann@example.com<", row(text, made["processing"]), re.S)
    assert "Skipped: the job was still running." in text


def test_times_are_read_in_the_zone_of_the_viewer(browser: FakeBrowser, con: Connection) -> None:
    noon = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
    run_factory.make_run(con, "deleted", (con.now() - noon).total_seconds())
    for offset, number in (("%2B01:00", 1), ("-05:00", 0), ("", 0)):
        span = f"from=2026-03-01T12:15&from_offset={offset}&to=2026-03-01T12:45&to_offset={offset}"
        address = f"/dashboard/deleted?{span}"
        assert len(rows(browser.get(address).text)) == number, offset
    text = browser.get("/dashboard/deleted?from=2026-03-01T12:15").text
    assert 'data-utc="2026-03-01T12:15:00+00:00"' in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("state=sleeping", "Must be one of enqueued"),
        ("trigger=moon", "Must be one of schedule"),
        ("from=yesterday", "Must be a date and time"),
        ("from=2026-02-30T10:00", "Must be a date and time that exists,"),
        ("to=9999-99-99", "Must be a date and time"),
        ("from=2026-01-02T00:00&to=2026-01-01T00:00", "Must be later than"),
        ("text=" + "x" * 201, "Must have at most 200 characters"),
        ("job=" + "x" * 201, "Must have at most 200 characters"),
        ("size=7", "one of 10, 20, 50, 100, 200"),
        ("before=x", "the first page is shown"),
        ("sort=payload", "This order is not possible here"),
        ("last=1y", "The time span must be one of 15m"),
        ("bulk=%27--", "The bulk action must be the ID"),
    ],
)
def test_a_wrong_filter_has_its_error_and_narrows_nothing(
    query: str, words: str, browser: FakeBrowser, con: Connection
) -> None:
    run_id = run_factory.make_run(con, "failed")
    answer = browser.get(f"/dashboard/runs?{query}")
    assert answer.status == 200 and words in answer.text
    assert rows(answer.text) == [run_id]


@pytest.mark.parametrize("text", ["%25_%25", "'", '"', "%5C", "%00", "🦊", "%ff", "(((", "سجل", "<b>"])
def test_any_search_text_has_a_normal_answer(text: str, browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed")
    for page in ("runs", "failed", "retries"):
        answer = browser.get(f"/dashboard/{page}?text={text}&job={text}")
        assert answer.status == 200 and "<b></option>" not in answer.text


def test_pages_follow_each_other_and_keep_the_filter(browser: FakeBrowser, con: Connection) -> None:
    made = [run_factory.make_run(con, "deleted", 60 * ago) for ago in range(25)]
    run_factory.make_run(con, "deleted", job="db-cleanup")
    seen, address, pages = [], "/dashboard/deleted?job=record-expiry&size=10", 0
    while address:
        text = browser.get(address).text
        onward = re.findall(r'rel="next" href="([^"]*)"', text)
        assert "job=record-expiry&amp;size=10" in text
        address, pages = (onward[0].replace("&amp;", "&") if onward else ""), pages + 1
        seen += rows(text)
    assert (seen, pages) == (made, 3)
    assert "There are no more runs." in browser.get(f"/dashboard/deleted?before={made[-1]}").text


def test_an_empty_search_leads_to_all_runs(browser: FakeBrowser) -> None:
    assert 'href="/dashboard/runs?text=nowhere"' in browser.get("/dashboard/failed?text=nowhere").text


def test_what_is_offered_fits_the_state_and_the_role(browser: FakeBrowser, con: Connection) -> None:
    offered = {
        "enqueued": {"delete"},
        "scheduled": {"run-now", "delete"},
        "processing": {"stop"},
        "succeeded": {"requeue"},
        "failed": {"requeue", "delete"},
        "deleted": {"requeue"},
    }
    ids = {state: run_factory.make_run(con, state) for state in STATES}
    for role, may in (
        (Role.VIEWER, set()),
        (Role.OPERATOR, {"requeue", "run-now"}),
        (Role.ADMIN, {"requeue", "run-now", "stop", "delete"}),
    ):
        browser.sign_in(role)
        for state, actions in offered.items():
            text = browser.get(f"/dashboard/{state}").text
            found = re.findall(rf'action="/runs/{ids[state]}/([\w-]+)"', text)
            assert set(found) == actions & may, (role, state)
            assert ('id="bulk"' in text) == (role is Role.ADMIN)


def test_a_button_leads_back_to_the_list_as_it_was(browser: FakeBrowser, con: Connection) -> None:
    run_id = run_factory.make_run(con, "failed")
    text = browser.get("/dashboard/failed?text=421").text
    assert 'name="back" value="/dashboard/failed?text=421"' in text
    answer = browser.post(f"/runs/{run_id}/requeue", {"back": "/dashboard/failed?text=421"})
    assert (answer.status, answer.location) == (303, "/dashboard/failed?text=421")
    assert f'href="/runs/{run_id}">Open the run</a>' in browser.get(answer.location).text
    for elsewhere in ("https://evil.example", "//evil.example/dashboard/", "/dashboard/\r\nSet-Cookie: a=b"):
        answer = browser.post(f"/runs/{run_id}/delete", {"back": elsewhere})
        assert answer.location in (f"/runs/{run_id}", "/dashboard")


def test_a_button_in_a_row_answers_for_that_row_alone(browser: FakeBrowser, con: Connection) -> None:
    run_id = run_factory.make_run(con, "failed")
    back = {"back": "/dashboard/failed"}
    answer = browser.post(f"/runs/{run_id}/requeue", back, hx_request="true")
    assert answer.status == 200 and "<html" not in answer.text
    assert re.search(r'<span class="outcome"[^>]*>Queued</span>', answer.text)
    assert (
        'hx-swap-oob="afterbegin:#said"' in answer.text
        and f'href="/runs/{run_id}">Open the run' in answer.text
    )
    again = browser.post(f"/runs/{run_id}/requeue", back, hx_request="true")
    assert ">Now enqueued</span>" in again.text and "Nothing was done" in again.text


def test_what_waits_for_another_run_says_so(browser: FakeBrowser, con: Connection) -> None:
    ahead = run_factory.make_run(con, "processing", exclusive=True)
    run_id = run_factory.make_run(con, "failed", exclusive=True)
    browser.post(f"/runs/{run_id}/requeue", {})
    said = browser.get(f"/runs/{run_id}").text
    assert f"was queued behind run {ahead[:8]}…{ahead[-4:]}, which is still processing." in said
