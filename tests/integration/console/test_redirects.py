"""The short ways in, and addresses that are none."""

import json
from typing import Any

import pytest

from tests.integration.console.conftest import FakeBrowser


@pytest.mark.parametrize("path", ["/", "/hangfire", "/hangfire/jobs/failed", "/dashboard/"])
def test_many_ways_lead_to_the_dashboard(browser: FakeBrowser, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status, answer.headers["Location"]) == (303, "/dashboard")


def test_a_slash_too_many_is_taken_off_and_leads_nowhere_else(browser: FakeBrowser) -> None:
    for path in ("/a//evil.example/", "/a\r\nSet-Cookie: x=y/", "/a\\evil.example/"):
        location = browser.get(path).headers["Location"]
        assert location.startswith("/") and not location.startswith(("//", "/\\"))
        assert location.isprintable() and " " not in location


@pytest.mark.parametrize("path", ["/nope", "/Dashboard", "/records/1/2/3"])
def test_a_mistyped_address_is_answered_by_a_page(browser: FakeBrowser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status == 404
    assert "There is no page at this address" in answer.text


def test_a_mistyped_address_of_the_api_gets_a_problem(browser: FakeBrowser) -> None:
    answer = browser.get("/api/nope")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert json.loads(answer.text)["detail"] == "this address does not exist, or does not support this method"


def test_the_stack_s_own_page_is_offered_where_it_is(
    browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'href="/local"' not in browser.get("/records").text  # as under sam local start-api
    event = browser.event

    def through_the_local_gateway(*request: Any) -> dict[str, Any]:
        made = event(*request)
        made["requestContext"]["apiId"] = "local"
        return made

    monkeypatch.setattr(browser, "event", through_the_local_gateway)
    assert '<a href="/local" hx-boost="false">Stack</a>' in browser.get("/records").text


def test_a_refresh_leaves_the_message_to_the_page(browser: FakeBrowser) -> None:
    page = browser.post("/jobs/db-cleanup/pause", {})
    browser.get(page.location, x_live="true")
    assert "The schedule of db-cleanup was paused." in browser.get(page.location).text
