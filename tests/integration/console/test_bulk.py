"""Many runs at once: those selected, all that match, slice by slice, and who may."""

import re
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle import messages
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page

SURE: dict[str, Any] = {"sure": "yes"}


def hidden(page: Page) -> dict[str, Any]:
    """The fields of the form that goes on."""
    (form,) = re.findall(r'<form method="post" action="/runs".*?</form>', page.text, re.S)
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(unescape(value))
    return fields


def notice(browser: FakeBrowser, page: Page) -> str:
    assert page.status == 303
    (said,) = re.findall(r'class="flash" role="status">([^<]*)', browser.get(page.location).text)
    return unescape(said).strip()


def test_the_selected_runs_are_changed_and_the_filter_is_kept(browser: FakeBrowser, con: Connection) -> None:
    ids = [run_factory.make_run(con, "failed") for _ in range(3)]
    selected = {"list": "failed", "action": "requeue", "id": ids[:2], "text": "421", **SURE}
    answer = browser.post("/runs", selected)
    assert answer.location == "/dashboard/failed?text=421"
    assert notice(browser, answer) == "2 runs requeued."
    assert [run_factory.run_state(con, run_id) for run_id in ids] == ["enqueued", "enqueued", "failed"]


def test_runs_that_moved_on_meanwhile_stay_and_are_counted(browser: FakeBrowser, con: Connection) -> None:
    gone, there = run_factory.make_run(con, "processing"), run_factory.make_run(con, "scheduled")
    answer = browser.post("/runs", {"list": "scheduled", "action": "run-now", "id": [gone, there], **SURE})
    assert re.match(r"1 run queued to run now\. 1 run had changed", notice(browser, answer))
    assert run_factory.run_state(con, gone) == "processing"


def test_it_asks_with_the_number_first(browser: FakeBrowser, con: Connection) -> None:
    ids = [run_factory.make_run(con, "enqueued") for _ in range(2)]
    page = browser.post("/runs", {"list": "enqueued", "action": "delete", "id": ids})
    assert page.status == 200 and "<h1>Delete 2 runs?</h1>" in page.text
    assert run_factory.count_by_state(con) == {"enqueued": 2}
    assert page.headers["HX-Push-Url"] == "false"
    assert notice(browser, browser.post("/runs", hidden(page))) == "2 runs deleted."


def test_many_are_changed_slice_by_slice_with_progress(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "send", lambda con, run_messages: None)
    run_factory.make_runs(con, 2500)
    page = browser.post("/runs", {"list": "deleted", "action": "requeue", "all": "yes", **SURE})
    assert page.status == 200 and "<h1>1,000 requeued so far</h1>" in page.text
    assert '<progress max="2500" value="1000"' in page.text and 'hx-trigger="load, submit"' in page.text
    run_factory.make_runs(con, 5)  # came into being after the person had asked
    page = browser.post("/runs", hidden(page))
    assert "<h1>2,000 requeued so far</h1>" in page.text
    assert notice(browser, browser.post("/runs", hidden(page))) == "2,500 runs requeued."
    assert run_factory.count_by_state(con) == {"enqueued": 2500, "deleted": 5}


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
        {"list": "failed", "action": "requeue", "all": "yes", "until": "tomorrow"},
    ],
)
def test_what_is_not_understood_changes_nothing(
    form: dict[str, str], browser: FakeBrowser, con: Connection
) -> None:
    run_factory.make_run(con, "failed")
    answer = browser.post("/runs", {**form, **SURE})
    assert answer.status == 422
    assert run_factory.count_by_state(con) == {"failed": 1}


@pytest.mark.parametrize("field", ["done", "total"])
def test_figures_carried_by_the_form_are_not_trusted(
    field: str, browser: FakeBrowser, con: Connection
) -> None:
    run_factory.make_run(con, "failed")
    form = {"list": "failed", "action": "requeue", "all": "yes", field: "9" * 5000, **SURE}
    assert notice(browser, browser.post("/runs", form)) == "1 run requeued."


def test_who_did_it_stands_in_the_activity(browser: FakeBrowser, con: Connection) -> None:
    ids = [run_factory.make_run(con, "failed") for _ in range(3)]
    browser.sign_in(Role.ADMIN, "ann@example.com")
    browser.post("/runs", {"list": "failed", "action": "requeue", "id": ids, **SURE})
    text = browser.get("/dashboard/activity").text
    assert '>ann@example.com</span></td><td class="nowrap">requeued</td>' in text and "3 runs" in text


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
    assert notice(browser, answer) == "1 run deleted."
    assert run_factory.run_state(con, kept) == "enqueued"
