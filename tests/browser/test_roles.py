"""Sign-in by OpenID Connect, and what each role sees, may do, and is refused."""

import re
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.environment import Folders, Ports
from local.seed import records
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs, assert_no_complaints
from tests.support.stack_process import Stack, running

NAMES = {"vera": "Vera Viewer", "otto": "Otto Operator", "ada": "Ada Admin", "nobody": "Nobody Atall"}
LOOKS = ["/records/{record}", "/jobs", "/jobs/db-cleanup", "/dashboard", "/dashboard/failed"]
LOOKS += ["/dashboard/scheduled", "/dashboard/schedules", "/dashboard/activity", "/runs/{failed}"]


@pytest.fixture(scope="module")
def guarded(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that lets nobody in without a provider's word."""
    with running(tmp_path_factory.mktemp("guarded"), AUTH="oidc") as stack:
        yield stack


@pytest.fixture(scope="module")
def token(guarded: Stack) -> Callable[[str], dict[str, str]]:
    """The header that an API client sends for a person."""

    def header(person: str) -> dict[str, str]:
        address = f"http://127.0.0.1:{guarded.port + 4}/token?user={person}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return {"authorization": f"Bearer {answer.read().decode().strip()}"}

    return header


@pytest.fixture(scope="module")
def there(guarded: Stack, token: Callable[[str], dict[str, str]]) -> dict[str, Any]:
    """A record, a failed run and one that waits."""
    ada = token("ada")
    body = {"title": "Guarded", "expiry_date": "2031-01-01T00:00:00Z"}
    _, record = guarded.call("POST", "/api/records", body, **ada)
    _, waits = guarded.call("POST", "/api/jobs/db-cleanup/runs", {"delay_seconds": 9000}, **ada)
    with records.connect(Ports(guarded.port), Folders(guarded.data)) as con:
        run_factory = RunFactory(con)
        failed = run_factory.make("failed", job="record-expiry", ago=timedelta(minutes=9))
    return {"record": record["id"], "waits": waits["id"], "failed": failed}


@pytest.fixture
def tabs(browser: Browser, guarded: Stack, usual: dict[str, BrowserContext]) -> Iterator[Tabs]:
    with assert_no_complaints(Tabs(browser, guarded.address, usual)) as tabs:
        tabs.expect("favicon")  # the provider has none
        yield tabs


def sign_in(tabs: Tabs, person: str, path: str = "/dashboard") -> Page:
    page = tabs.open(path)
    page.get_by_role("button", name=NAMES[person]).click()
    return page


def offered(page: Page, there: dict[str, Any]) -> set[str]:
    """What the forms of the pages in `LOOKS` would do, with ids left out."""
    found: list[str] = []
    for path in LOOKS:
        answer = page.goto(path.format(**there))
        assert answer is not None and answer.ok, path
        found += page.locator("form[method=post]").evaluate_all(
            "each => each.map(form => form.attributes.action.value)"
        )
    return {re.sub(r"/[0-9a-f-]{36}|/\d+", "/*", action) for action in found} - {"/sign-out"}


def test_signing_in_leads_to_the_page_that_was_wanted(tabs: Tabs) -> None:
    page = sign_in(tabs, "vera", "/dashboard/failed?job=record-expiry")
    expect(page).to_have_url(re.compile(r"/dashboard/failed\?job=record-expiry$"))
    expect(page.get_by_role("banner")).to_contain_text("vera@example.com · viewer")
    (session,) = (each for each in page.context.cookies() if "session" in each["name"])
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")  # and Secure, where there is TLS


def test_a_viewer_sees_every_page_and_no_button(tabs: Tabs, there: dict[str, Any]) -> None:
    page = sign_in(tabs, "vera")
    assert offered(page, there) == set()
    expect(page.get_by_text("Traceback (most recent call last)").first).to_be_visible()


def test_an_operator_runs_pauses_and_edits_but_deletes_nothing(tabs: Tabs, there: dict[str, Any]) -> None:
    seen = offered(sign_in(tabs, "otto"), there)
    assert {"/records/*", "/runs/*/requeue", "/runs/*/run-now", "/jobs/db-cleanup/run"} <= seen
    assert "/jobs/db-cleanup/pause" in seen
    assert not [each for each in seen if each.endswith("/delete") or each == "/runs"]


def test_an_admin_also_deletes_and_acts_in_bulk(tabs: Tabs, there: dict[str, Any]) -> None:
    seen = offered(sign_in(tabs, "ada"), there)
    assert {"/records/*/delete", "/runs/*/delete", "/runs"} <= seen


def test_a_person_in_no_group_sees_which_groups_there_are(tabs: Tabs) -> None:
    tabs.expect("status of 403")
    page = sign_in(tabs, "nobody")
    expect(page.get_by_role("heading", level=1, name="Not allowed", exact=True)).to_be_visible()
    expect(page.get_by_text("viewer, operator, admin")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1, name="You are signed out", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("person", "trigger", "delete"),
    [("vera", 403, 403), ("otto", 202, 403), ("ada", 202, 202), ("nobody", 403, 403)],
)
def test_the_api_answers_each_role_as_the_pages_promise(
    guarded: Stack, token: Callable[[str], dict[str, str]], person: str, trigger: int, delete: int
) -> None:
    who = token(person)
    path, later = "/api/jobs/db-cleanup/runs", {"delay_seconds": 8000}
    assert guarded.call("POST", path, later, **who)[0] == trigger
    run_id = guarded.call("POST", path, later, **token("ada"))[1]["id"]
    assert guarded.call("POST", f"/api/runs/{run_id}/delete", **who)[0] == delete
    looks = 403 if person == "nobody" else 200
    assert guarded.call("GET", "/api/runs", **who)[0] == looks


def test_a_viewer_who_calls_an_operator_s_route_is_refused(
    tabs: Tabs, guarded: Stack, there: dict[str, Any], token: Callable[[str], dict[str, str]]
) -> None:
    tabs.expect("status of 403")
    page = sign_in(tabs, "vera")
    for path in (f"/runs/{there['failed']}/requeue", f"/records/{there['record']}/delete", "/runs"):
        status = page.evaluate("path => fetch(path, {method: 'POST'}).then(answer => answer.status)", path)
        assert status == 403, path
    _, run = guarded.call("GET", f"/api/runs/{there['failed']}", **token("ada"))
    assert run["state"] == "failed"


def test_a_post_from_another_site_is_refused(tabs: Tabs, guarded: Stack, there: dict[str, Any]) -> None:
    page = sign_in(tabs, "ada")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        answer = page.context.request.post(f"/records/{there['record']}/delete", headers=headers)
        assert answer.status == 403, headers
    page.goto(f"/records/{there['record']}")
    expect(page.get_by_role("heading", level=1, name="Guarded", exact=True)).to_be_visible()


def test_every_action_carries_the_person_s_name(tabs: Tabs) -> None:
    page = sign_in(tabs, "otto", "/jobs/db-cleanup")
    page.get_by_text("Pause the schedule").click()
    page.get_by_label("Reason").fill("an audit")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("by otto@example.com")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("was resumed")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("link", name="Open the run").click()
    expect(page.locator(".history")).to_contain_text("created by console · otto@example.com")
    page.goto("/dashboard/activity")
    rows = page.locator("#activity tr").filter(has_text="otto@example.com")
    expect(rows.filter(has_text="paused")).to_contain_text("an audit")
    expect(rows.filter(has_text="resumed")).to_be_visible()


def test_an_open_page_says_when_the_session_ends(tabs: Tabs) -> None:
    tabs.expect("status of 401")
    page = sign_in(tabs, "vera")
    page.context.clear_cookies()
    expect(page.get_by_role("alert")).to_contain_text("signed out")
