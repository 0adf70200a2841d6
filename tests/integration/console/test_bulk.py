"""Many runs at once: those selected, all that match, a thousand a call, and who may."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from console.forms.run_filter import STATES
from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle import actions
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.support.runs import put_runs

JOB = run_factory.JOB
SURE: dict[str, Any] = {"sure": "yes"}


def hidden(page: Page) -> dict[str, Any]:
    """The fields of the form that goes on."""
    (form,) = re.findall(r'<form method="post" action="/runs".*?</form>', page.text, re.S)
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(unescape(value))
    return fields


def text_of(page: Page) -> str:
    (main,) = re.findall(r"<main.*</main>", page.text, re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def notice(browser: FakeBrowser, page: Page) -> str:
    assert page.status == 303
    (said,) = re.findall(r'class="flash" role="status">([^<]*)', browser.get(page.location).text)
    return unescape(said).strip()


def test_the_selected_runs_are_changed_and_the_filter_is_kept(browser: FakeBrowser, con: Connection) -> None:
    ids = [run_factory.make_run(con, "failed") for _ in range(3)]
    selected = {"list": "failed", "action": "requeue", "id": ids[:2], "text": "421", **SURE}
    answer = browser.post("/runs", selected)
    assert answer.location == "/dashboard/failed?text=421"
    assert notice(browser, answer) == "2 runs were queued for a retry."
    assert [run_factory.run_state(con, run_id) for run_id in ids] == ["enqueued", "enqueued", "failed"]


def test_runs_that_moved_on_meanwhile_stay_and_are_counted(browser: FakeBrowser, con: Connection) -> None:
    gone, there = run_factory.make_run(con, "processing"), run_factory.make_run(con, "scheduled")
    answer = browser.post("/runs", {"list": "scheduled", "action": "run-now", "id": [gone, there], **SURE})
    assert (
        notice(browser, answer)
        == "1 run was queued. 1 run was left alone: only scheduled runs can be run now."
    )
    assert run_factory.run_state(con, gone) == "processing"


def test_it_asks_with_the_number_first(browser: FakeBrowser, con: Connection) -> None:
    ids = [run_factory.make_run(con, "enqueued") for _ in range(2)]
    page = browser.post("/runs", {"list": "enqueued", "action": "delete", "id": ids})
    assert page.status == 200 and ">Delete 2 runs?</h1>" in page.text
    assert run_factory.count_by_state(con) == {"enqueued": 2}
    assert page.headers["HX-Push-Url"] == "false"
    assert notice(browser, browser.post("/runs", hidden(page))) == "2 runs were deleted."


def step(page: Page, name: str) -> str:
    """The address of a form of a bulk action."""
    (found,) = re.findall(rf'action="(/dashboard/activity/[^"]*/{name})"', page.text)
    return str(found)


@pytest.fixture
def many(browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The answer to the first call of an action on 25 runs, ten a call."""
    monkeypatch.setattr(actions, "BULK", 10)
    put_runs(con, JOB, 25, state="failed")
    return browser.post("/runs", {"list": "failed", "action": "delete", "all": "yes", "job": JOB, **SURE})


def test_many_are_changed_call_by_call_with_progress(
    browser: FakeBrowser, con: Connection, many: Page
) -> None:
    assert "Deleting: 10 of 25 runs</h1>" in many.text and 'max="25" value="10"' in many.text
    assert many.headers["HX-Push-Url"] + "/next" == step(many, "next")
    put_runs(con, JOB, 5, state="failed", age=timedelta(0))  # came into being after the person had asked
    page = browser.post(step(many, "next"))
    assert "Deleting: 20 of 25 runs</h1>" in page.text
    page = browser.post(step(page, "next"))
    assert "25 runs were deleted</h1>" in page.text and "hx-trigger" not in page.text
    assert run_factory.count_by_state(con) == {"deleted": 25, "failed": 5}


def test_a_page_that_was_left_leaves_an_action_that_continues(
    browser: FakeBrowser, con: Connection, many: Page
) -> None:
    address = many.headers["HX-Push-Url"]
    assert "Deleting: 10 of 25 runs</h1>" in browser.get(address).text
    con.query("UPDATE bulk_action SET changed_at = changed_at - interval '1 minute'")
    page = browser.get(address)
    assert "Stopped after 10 of 25 runs</h1>" in page.text and "hx-trigger" not in page.text
    assert "Deleting: 20 of 25 runs</h1>" in browser.post(step(page, "continue")).text


def test_a_stopped_action_says_who_stopped_it(browser: FakeBrowser, many: Page) -> None:
    browser.sign_in(Role.ADMIN, "bob@example.com")
    page = browser.post(step(many, "stop"))
    assert "Stopped after 10 of 25 runs</h1>" in page.text and "bob@example.com" in page.text
    assert "Stopped after 10" in browser.post(step(many, "next")).text


def test_the_activity_has_a_bulk_action_with_its_filter(browser: FakeBrowser, many: Page) -> None:
    text = browser.get("/dashboard/activity").text
    assert f'href="{many.headers["HX-Push-Url"]}">10 runs</a>' in text
    assert "All failed runs of record-expiry created before" in text and "in progress: 10 of 25 runs" in text


def test_the_runs_that_an_action_changed_are_a_list(browser: FakeBrowser, many: Page) -> None:
    (link,) = re.findall(r'href="([^"]*)">Show the runs', many.text)
    text = browser.get(link).text
    assert len(re.findall(r'<tr id="run-', text)) == 10 and "Changed by bulk action" in text


def test_the_question_repeats_the_number_and_the_filter(browser: FakeBrowser, con: Connection) -> None:
    put_runs(con, JOB, 21, state="failed")
    form = {"list": "failed", "action": "delete", "all": "yes", "job": JOB, "text": JOB}
    page = browser.post("/runs", form)
    assert ">Delete 21 runs?</h1>" in page.text and "question destructive" in page.text
    assert f"all failed runs of {JOB} that contain “{JOB}”, on every page" in page.text
    assert notice(browser, browser.post("/runs", hidden(page))) == "21 runs were deleted."


@pytest.mark.parametrize(
    ("action", "heading", "said"),
    [
        (
            "delete",
            "Delete 4 runs?",
            "This deletes all enqueued, scheduled, processing and failed runs, on every page of the list. "
            "Runs created from now on are not affected. Succeeded and deleted runs are left alone.",
        ),
        (
            "requeue",
            "Retry 3 runs?",
            "This retries all succeeded, failed and deleted runs, on every page of the list. "
            "Runs created from now on are not affected. Enqueued, scheduled and processing runs are left alone.",
        ),
        (
            "run-now",
            "Run 1 run now?",
            "This queues all scheduled runs, on every page of the list. Runs created from now on are not affected.",
        ),
    ],
)
def test_the_question_about_all_runs_names_those_it_concerns(
    action: str, heading: str, said: str, browser: FakeBrowser, con: Connection
) -> None:
    for state in STATES:
        run_factory.make_run(con, state)
    page = browser.post("/runs", {"list": "runs", "action": action, "all": "yes"})
    assert f">{heading}</h1>" in page.text and said in text_of(page)


def test_a_question_about_one_state_speaks_of_no_other(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed")
    page = text_of(
        browser.post("/runs", {"list": "runs", "action": "delete", "all": "yes", "state": "failed"})
    )
    assert "This deletes all failed runs, on" in page
    assert "left alone" not in page and "checkpoint" not in page


def test_the_bar_of_all_runs_offers_what_the_state_of_the_filter_allows(
    browser: FakeBrowser, con: Connection
) -> None:
    run_factory.make_run(con, "succeeded")
    text = browser.get("/dashboard/runs?state=succeeded").text
    assert re.findall(r'name="action" value="([^"]*)"', text) == ["requeue"]


@pytest.mark.parametrize("action_id", ["x", "%00", "01a2f3b4-0000-7000-8000-000000000000"])
def test_there_is_no_page_for_an_unknown_bulk_action(action_id: str, browser: FakeBrowser) -> None:
    assert browser.get(f"/dashboard/activity/{action_id}").status == 404
    assert browser.post(f"/dashboard/activity/{action_id}/next").status == 404


@pytest.mark.parametrize("name", ["next", "continue", "stop"])
def test_only_an_administrator_drives_a_bulk_action(name: str, browser: FakeBrowser, many: Page) -> None:
    browser.sign_in(Role.OPERATOR)
    assert browser.post(f"{many.headers['HX-Push-Url']}/{name}").status == 403
    assert (
        "<button"
        not in browser.get(many.headers["HX-Push-Url"])
        .text.partition('id="bulk-action"')[2]
        .partition("</section>")[0]
    )


def test_nothing_selected_changes_nothing(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed")
    for ids in ([], ["x"], [""]):
        answer = browser.post("/runs", {"list": "failed", "action": "requeue", "id": ids, **SURE})
        assert "nothing was done" in notice(browser, answer)
    assert run_factory.count_by_state(con) == {"failed": 1}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"list": "nothing", "action": "requeue", "all": "yes"},
        {"list": "succeeded", "action": "delete", "all": "yes"},
        {"list": "failed", "action": "explode", "all": "yes"},
        {"list": "failed", "action": "requeue", "all": "yes", "from": "yesterday"},
        {"list": "failed", "action": "requeue", "all": "yes", "last": "tomorrow"},
    ],
)
def test_what_is_not_understood_changes_nothing(
    form: dict[str, str], browser: FakeBrowser, con: Connection
) -> None:
    run_factory.make_run(con, "failed")
    answer = browser.post("/runs", {**form, **SURE})
    assert answer.status == 422
    assert run_factory.count_by_state(con) == {"failed": 1}


def test_who_did_it_stands_in_the_activity(browser: FakeBrowser, con: Connection) -> None:
    ids = [run_factory.make_run(con, "failed") for _ in range(3)]
    browser.sign_in(Role.ADMIN, "ann@example.com")
    browser.post("/runs", {"list": "failed", "action": "requeue", "id": ids, **SURE})
    text = browser.get("/dashboard/activity").text
    assert '>ann@example.com</span></td><td class="nowrap">retried</td>' in text
    assert ">3 runs</a>" in text and "Runs selected one by one" in text


def test_the_bar_offers_all_pages_when_there_are_more(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_runs(con, 21)
    assert "Select all 21 that match, on every page" in browser.get("/dashboard/deleted").text
    assert "on every page" not in browser.get("/dashboard/deleted?size=50").text


def test_runs_of_a_removed_job_are_shown_and_deleted(browser: FakeBrowser, con: Connection) -> None:
    first, kept = (run_factory.make_run(con, "enqueued", job=job) for job in ("old-job", "db-cleanup"))
    assert browser.get(f"/runs/{first}").status == 200
    listed = browser.get("/dashboard/runs?job=old-job").text
    assert first in listed and kept not in listed
    form = {"list": "runs", "action": "delete", "job": "old-job", "all": "yes", **SURE}
    answer = browser.post("/runs", form)
    assert notice(browser, answer) == "1 run was deleted."
    assert run_factory.run_state(con, kept) == "enqueued"
