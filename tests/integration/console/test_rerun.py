"""Run again with changes: a form with the payload of a run makes a new one, and both lead to each other."""

import re

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import JOBS, Integer, Job, Text, enqueue
from slowmatch.jobs.queries import runs
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.job_pages import field_errors, find_runs
from tests.integration.jobs.conftest import Work


def value_of(text: str, name: str) -> str:
    (found,) = re.findall(rf'name="{name}" type="\w+" value="(.*?)"', text)
    return str(found)


@pytest.fixture
def first(con: Connection, work: Work) -> str:
    return enqueue(con, "record-expiry", {"batch_size": 7}).run_id


def test_the_form_is_filled_in_with_the_payload(browser: FakeBrowser, first: str) -> None:
    assert f'href="/runs/{first}/again"' in browser.get(f"/runs/{first}").text
    page = browser.get(f"/runs/{first}/again")
    assert (page.status, value_of(page.text, "batch_size")) == (200, "7")


def test_the_new_run_and_the_first_lead_to_each_other(
    browser: FakeBrowser, con: Connection, first: str
) -> None:
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post(f"/runs/{first}/again", {"batch_size": "8"})
    assert answer.status == 303
    new_id = answer.location.removeprefix("/runs/")
    new = runs.get(con, new_id)
    assert (new.job, new.payload, new.triggered_by) == ("record-expiry", {"batch_size": 8}, "kim@example.com")
    page = browser.get(answer.location).text
    assert re.search(rf'<dt>Run again from</dt><dd><span[^>]*><a class="mono" href="/runs/{first}"', page)
    assert f"was created from run {first[:8]}" in page
    page = browser.get(f"/runs/{first}").text
    assert re.search(rf'<dt>Run again as</dt><dd><span[^>]*><a class="mono" href="/runs/{new_id}"', page)


def test_a_wrong_value_keeps_what_was_typed_and_makes_no_run(
    browser: FakeBrowser, con: Connection, first: str
) -> None:
    page = browser.post(f"/runs/{first}/again", {"batch_size": "many"})
    assert (page.status, value_of(page.text, "batch_size")) == (422, "many")
    assert list(field_errors(page)) == ["batch_size"]
    assert len(find_runs(con)) == 1


def test_a_new_run_can_start_later(browser: FakeBrowser, con: Connection, first: str) -> None:
    browser.post(f"/runs/{first}/again", {"delay-minutes": "5"})
    assert find_runs(con)[-1].state == "scheduled"


@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_only_who_may_start_the_job_may_run_it_again(
    browser: FakeBrowser, con: Connection, first: str, role: Role | None
) -> None:
    browser.sign_in(role)
    assert browser.get(f"/runs/{first}/again").status == 403
    assert browser.post(f"/runs/{first}/again", {}).status == 403
    if role:
        assert "/again" not in browser.get(f"/runs/{first}").text
    assert len(find_runs(con)) == 1


def test_a_job_for_admins_is_not_run_again_by_operators(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JOBS, "secret", Job(name="secret", description="For admins.", role="admin"))
    run_id = run_factory.make_run(con, "succeeded", job="secret")
    browser.sign_in(Role.OPERATOR)
    assert "/again" not in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/again", {}).status == 403


def test_fields_that_the_job_dropped_are_named(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"days": Integer("how many days", 1, 9), "title": Text("what stands above", 40)}
    monkeypatch.setitem(JOBS, "report", Job(name="report", description="Reports.", payload=fields))
    payload = {"days": 70, "title": 'a "b" <c>', "style": "long"}
    run_id = run_factory.make_run(con, "succeeded", job="report", payload=payload)
    page = browser.get(f"/runs/{run_id}/again").text
    assert "The job no longer accepts style, so the new run leaves it out." in page
    assert value_of(page, "days") == "70"
    assert value_of(page, "title") == "a &#34;b&#34; &lt;c&gt;"


@pytest.mark.parametrize(("job", "run_id"), [("gone", ""), ("", "nonsense")])
def test_a_run_that_cannot_be_made_again_is_not_found(
    browser: FakeBrowser, con: Connection, job: str, run_id: str
) -> None:
    run_id = run_id or run_factory.make_run(con, "succeeded", job=job)
    assert browser.get(f"/runs/{run_id}/again").status == 404
    assert browser.post(f"/runs/{run_id}/again", {}).status == 404
