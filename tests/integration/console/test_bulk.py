"""Many runs at once: those selected, all that match, slice by slice, and who may."""

import re
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle import messages
from tests.integration.console import shelf
from tests.integration.console.conftest import Browse, Page

SURE: dict[str, Any] = {"sure": "yes"}


def hidden(page: Page) -> dict[str, Any]:
    """The fields of the form that goes on."""
    (form,) = re.findall(r'<form method="post" action="/runs".*?</form>', page.text, re.S)
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(unescape(value))
    return fields


def notice(browse: Browse, page: Page) -> str:
    assert page.status == 303
    (said,) = re.findall(r'class="notice" role="status">([^<]*)', browse.get(page.location).text)
    return unescape(said).strip()


def test_the_selected_runs_are_requeued_and_the_filter_is_kept(browse: Browse, con: Connection) -> None:
    ids = [shelf.put(con, "failed") for _ in range(3)]
    selected = {"list": "failed", "action": "requeue", "id": ids[:2], "text": "421", **SURE}
    answer = browse.post("/runs", selected)
    assert answer.location == "/dashboard/failed?text=421"
    assert notice(browse, answer) == "2 runs requeued."
    assert [shelf.state_of(con, run_id) for run_id in ids] == ["enqueued", "enqueued", "failed"]


def test_runs_that_moved_on_meanwhile_stay_and_are_counted(browse: Browse, con: Connection) -> None:
    gone, there = shelf.put(con, "processing"), shelf.put(con, "scheduled")
    answer = browse.post("/runs", {"list": "scheduled", "action": "run-now", "id": [gone, there], **SURE})
    assert (
        notice(browse, answer) == "1 run queued to run now. 1 run had changed meanwhile, and stays as before."
    )
    assert shelf.state_of(con, gone) == "processing"


def test_without_being_sure_it_asks_with_the_number_and_does_nothing(browse: Browse, con: Connection) -> None:
    ids = [shelf.put(con, "enqueued") for _ in range(2)]
    page = browse.post("/runs", {"list": "enqueued", "action": "delete", "id": ids})
    assert page.status == 200 and "<h1>Delete 2 runs?</h1>" in page.text
    assert shelf.states(con) == {"enqueued": 2}
    assert page.headers["HX-Push-Url"] == "false"
    assert notice(browse, browse.post("/runs", hidden(page))) == "2 runs deleted."


def test_all_that_match_are_changed_and_no_other(browse: Browse, con: Connection) -> None:
    other = shelf.put(con, "failed", job="db-cleanup")
    for _ in range(30):
        shelf.put(con, "failed", 1)
    form = {"list": "failed", "action": "requeue", "all": "yes", "job": "record-expiry"}
    page = browse.post("/runs", form)
    assert "<h1>Requeue all 30 runs that match?</h1>" in page.text
    answer = browse.post("/runs", hidden(page))
    assert answer.location == "/dashboard/failed?job=record-expiry"
    assert notice(browse, answer) == "30 runs requeued."
    assert shelf.states(con) == {"enqueued": 30, "failed": 1} and shelf.state_of(con, other) == "failed"


def test_many_are_changed_slice_by_slice_with_progress(
    browse: Browse, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "deliver", lambda con, pointers: len(pointers))
    shelf.put_many(con, 2500)
    page = browse.post("/runs", {"list": "deleted", "action": "requeue", "all": "yes", **SURE})
    assert page.status == 200 and "<h1>1,000 requeued so far</h1>" in page.text
    assert '<progress max="2500" value="1000"' in page.text and 'hx-trigger="load, submit"' in page.text
    shelf.put_many(con, 5)  # came into being after the person had asked
    page = browse.post("/runs", hidden(page))
    assert "<h1>2,000 requeued so far</h1>" in page.text
    assert notice(browse, browse.post("/runs", hidden(page))) == "2,500 runs requeued."
    assert shelf.states(con) == {"enqueued": 2500, "deleted": 5}


def test_nothing_selected_changes_nothing_and_says_so(browse: Browse, con: Connection) -> None:
    shelf.put(con, "failed")
    for ids in ([], ["x"], [""]):
        answer = browse.post("/runs", {"list": "failed", "action": "requeue", "id": ids, **SURE})
        assert notice(browse, answer) == "Nothing was selected, so nothing was done."
    assert shelf.states(con) == {"failed": 1}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"list": "failed"},
        {"list": "nothing", "action": "requeue", "all": "yes"},
        {"list": "succeeded", "action": "delete", "all": "yes"},
        {"list": "failed", "action": "explode", "all": "yes"},
        {"list": "failed", "action": "requeue", "all": "yes", "from": "yesterday"},
        {"list": "failed", "action": "requeue", "all": "yes", "trigger": "moon"},
        {"list": "failed", "action": "requeue", "all": "yes", "until": "tomorrow"},
    ],
)
def test_what_is_not_understood_changes_nothing(
    form: dict[str, str], browse: Browse, con: Connection
) -> None:
    shelf.put(con, "failed")
    answer = browse.post("/runs", {**form, **SURE})
    assert answer.status == 422 and "<h1>Not possible</h1>" in answer.text
    assert shelf.states(con) == {"failed": 1}


@pytest.mark.parametrize("field", ["done", "total"])
def test_figures_carried_by_the_form_are_not_trusted(field: str, browse: Browse, con: Connection) -> None:
    shelf.put(con, "failed")
    form = {"list": "failed", "action": "requeue", "all": "yes", field: "9" * 5000, **SURE}
    assert notice(browse, browse.post("/runs", form)) == "1 run requeued."


def test_only_an_admin_changes_many(browse: Browse, con: Connection) -> None:
    run_id = shelf.put(con, "failed")
    for role in (Role.VIEWER, Role.OPERATOR):
        browse.sign_in(role)
        form = {"list": "failed", "action": "requeue", "id": run_id, **SURE}
        assert browse.post("/runs", form).status == 403
    assert shelf.states(con) == {"failed": 1}


def test_who_did_it_stands_in_the_activity(browse: Browse, con: Connection) -> None:
    ids = [shelf.put(con, "failed") for _ in range(3)]
    browse.sign_in(Role.ADMIN, "ann@example.com")
    browse.post("/runs", {"list": "failed", "action": "requeue", "id": ids, **SURE})
    text = browse.get("/dashboard/activity").text
    assert '>ann@example.com</span></td><td class="nowrap">requeued</td>' in text and "3 runs" in text


def test_the_bar_says_how_many_match_when_there_are_more_pages(browse: Browse, con: Connection) -> None:
    shelf.put_many(con, 21)
    assert "Select all 21 that match, on every page" in browse.get("/dashboard/deleted").text
    assert "on every page" not in browse.get("/dashboard/deleted?size=50").text


def test_runs_of_a_removed_job_are_shown_and_deleted(browse: Browse, con: Connection) -> None:
    first, _, kept = (shelf.put(con, "enqueued", job=job) for job in ("old-job", "old-job", "db-cleanup"))
    assert browse.get(f"/runs/{first}").status == 200
    listed = browse.get("/dashboard/runs?job=old-job").text
    assert first in listed and kept not in listed
    answer = browse.post(
        "/runs", {"list": "runs", "action": "delete", "job": "old-job", "all": "yes", **SURE}
    )
    assert notice(browse, answer) == "2 runs deleted."
    assert shelf.state_of(con, kept) == "enqueued"
