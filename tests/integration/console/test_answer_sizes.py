"""No page is larger than Lambda passes on, whatever a run left behind."""

import json
from html import unescape

import pytest

from slowmatch.db import Connection
from tests.integration.console.conftest import FakeBrowser
from tests.integration.jobs.runs_of_size import LAMBDA_BYTES, add_history, add_run

HARD_TO_ESCAPE = ["x" * 32_000, "'" * 32_000, "\x01" * 32_000, "€" * 32_000]


def text_of(browser: FakeBrowser, address: str) -> str:
    """The page without compression, which must fit into Lambda's answer."""
    event = browser.event("GET", address, None, {"accept-encoding": "identity"})
    answer = browser.handler(event, browser.context)
    assert answer["statusCode"] == 200
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < LAMBDA_BYTES
    return unescape(answer["body"])


@pytest.mark.parametrize("size", [1_200_000, 6_600_000])
def test_a_run_with_a_huge_result_shows_its_beginning(
    browser: FakeBrowser, con: Connection, size: int
) -> None:
    result = {"rows": ["wide"] * (size // 8)}
    run_id = add_run(con, result)
    page = text_of(browser, f"/runs/{run_id}")
    assert '{"rows": ["wide", "wide", ' in page
    assert f"Only the beginning of the {len(json.dumps(result)):,} bytes is shown." in page
    assert f'href="/api/runs/{run_id}/json/result"' in page


def test_a_result_within_the_limit_may_be_too_long_to_show(browser: FakeBrowser, con: Connection) -> None:
    nested: list[object] = []
    for _ in range(200):
        nested = [nested, "x"]
    page = text_of(browser, f"/runs/{add_run(con, [nested] * 150)}")
    assert "Only the beginning of" in page


def test_an_empty_result_is_shown(browser: FakeBrowser, con: Connection) -> None:
    page = text_of(browser, f"/runs/{add_run(con, {})}")
    assert 'aria-label="Result">{}</pre>' in page and "Empty: the job uses its defaults." in page


@pytest.mark.parametrize("text", HARD_TO_ESCAPE)
def test_a_long_history_is_cut_and_the_page_says_so(browser: FakeBrowser, con: Connection, text: str) -> None:
    run_id = add_run(con, ["'" * 200_000], error=None)
    add_history(con, run_id, attempts=1_000, events=3_000, lines=3_000, text=text)
    page = text_of(browser, f"/runs/{run_id}?log=all")
    for part in ("attempts", "events", "log"):
        assert f'not shown: <a href="/api/runs/{run_id}/{part}"' in page
    assert 'id="attempt-1000"' in page


@pytest.mark.parametrize("text", HARD_TO_ESCAPE)
def test_lists_show_the_beginning_of_long_errors(browser: FakeBrowser, con: Connection, text: str) -> None:
    for _ in range(200):
        run_id = add_run(con, error=f"Error: {text[:7_000]}")
        add_history(con, run_id, attempts=1, events=0, lines=0, text=text)
    for address in (
        "/dashboard/failed?size=200",
        "/dashboard/runs?size=200",
        "/dashboard",
        "/jobs",
        "/jobs/record-expiry",
    ):
        text_of(browser, address)
