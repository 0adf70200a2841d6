"""The log of a run: searched, limited to levels, and downloaded as a whole."""

import re

import pytest

from slowmatch.db import Connection
from slowmatch.jobs.queries import run_details
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page

LINES = (
    ("INFO", "100% of batch_1"),
    ("WARNING", "Batch 2 is <slow>"),
    ("ERROR", "batch 3 failed"),
    ("CRITICAL", "gone"),
)


@pytest.fixture
def run_id(con: Connection) -> str:
    return run_factory.make_run(con, "succeeded", lines=LINES)


def shown(page: Page) -> list[str]:
    return re.findall(r'<span class="text">(.*?)</span>', page.text)


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("text=BATCH", ["100% of batch_1", "Batch 2 is &lt;slow&gt;", "batch 3 failed"]),
        ("text=100%25", ["100% of batch_1"]),
        ("text=h_", ["100% of batch_1"]),
        ("level=warning", ["Batch 2 is &lt;slow&gt;", "batch 3 failed", "gone"]),
        ("level=error", ["batch 3 failed", "gone"]),
        ("level=error&text=batch", ["batch 3 failed"]),
        ("level=nonsense", ["100% of batch_1", "Batch 2 is &lt;slow&gt;", "batch 3 failed", "gone"]),
        ("text=%00", ["100% of batch_1", "Batch 2 is &lt;slow&gt;", "batch 3 failed", "gone"]),
        ("text=%27%3B--", []),
    ],
)
def test_the_log_is_searched_and_limited(
    browser: FakeBrowser, run_id: str, query: str, lines: list[str]
) -> None:
    page = browser.get(f"/runs/{run_id}?{query}")
    assert (page.status, shown(page)) == (200, lines)


def test_the_search_says_how_many_lines_match(browser: FakeBrowser, run_id: str) -> None:
    page = browser.get(f"/runs/{run_id}?text=batch&level=error")
    assert "1 matching line</span>" in page.text
    assert 'name="text" maxlength="200" placeholder="Search the log" value="batch"' in page.text
    assert '<option value="error" selected>' in page.text
    assert "No line matches." in browser.get(f"/runs/{run_id}?text=nowhere").text


def test_a_search_with_very_many_matches_shows_the_latest(
    browser: FakeBrowser, con: Connection, run_id: str
) -> None:
    con.query(
        """
        INSERT INTO job_log (run_id, attempt, at, level, message)
        SELECT :id::uuid, 1, now(), 'INFO', 'line ' || number FROM generate_series(1, 1500) AS number
        """,
        id=run_id,
    )
    page = browser.get(f"/runs/{run_id}?text=line")
    assert "latest 1,000 matching lines" in page.text
    assert shown(page)[-1] == "line 1500"


def test_the_whole_log_is_downloaded_as_text(browser: FakeBrowser, run_id: str) -> None:
    assert f'href="/runs/{run_id}/log.txt"' in browser.get(f"/runs/{run_id}").text
    file = browser.get(f"/runs/{run_id}/log.txt")
    assert file.headers["Content-Type"].startswith("text/plain")
    assert file.headers["Content-Disposition"] == f'attachment; filename="run-{run_id}.txt"'
    first, *_, last = file.text.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z #1 INFO 100% of batch_1", first)
    assert last.endswith("#1 CRITICAL gone")


def test_a_long_log_is_downloaded_in_parts(
    browser: FakeBrowser, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_details, "MAX_PART_ITEMS", 3)
    *_, last = browser.get(f"/runs/{run_id}/log.txt").text.splitlines()
    address = last.removeprefix("The log continues at ")
    assert address.startswith(f"/runs/{run_id}/log.txt?after=")
    assert browser.get(address).text.endswith("CRITICAL gone\n")


@pytest.mark.parametrize("query", ["", "?after=x", "?after=%C2%B2", "?after=" + "9" * 30])
def test_a_log_without_lines_is_a_file_that_says_so(
    browser: FakeBrowser, con: Connection, query: str
) -> None:
    run_id = run_factory.make_run(con, "enqueued")
    assert browser.get(f"/runs/{run_id}/log.txt{query}").text == "The run has not logged anything.\n"
