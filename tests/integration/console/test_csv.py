"""Runs as CSV: as filtered, in parts that fit into an answer, and safe to open in a spreadsheet."""

import base64
import csv
import gzip
import io
import random
import re
from collections.abc import Sequence
from html import unescape

import pytest

from console.pages.csv_download import COLUMNS
from console.views import csv_parts
from slowmatch.db import Connection
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.support.runs import put_runs

NAVIGATION = {"sec_fetch_mode": "navigate"}


def lines(page: Page) -> list[list[str]]:
    return list(csv.reader(io.StringIO(page.text, newline="")))


@pytest.fixture
def small_parts(con: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,200 failed runs, of which a part takes no more than a page of 500."""
    monkeypatch.setattr(csv_parts, "MAX_PART_BYTES", 1_000)
    put_runs(con, run_factory.JOB, 1_200, state="failed")


def test_a_list_is_downloaded_as_filtered(browser: FakeBrowser, con: Connection) -> None:
    wanted = run_factory.make_run(con, "failed", error='MailError: "no", he said,\nand left')
    run_factory.make_run(con, "failed", error="KeyError: x")
    page = browser.get("/dashboard/failed.csv?error_type=MailError", **NAVIGATION)
    assert page.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert page.headers["Content-Disposition"] == 'attachment; filename="failed-1.csv"'
    header, row = lines(page)
    assert header == list(COLUMNS)
    assert (row[0], row[-1]) == (wanted, 'MailError: "no", he said,\nand left')


def test_a_run_is_downloaded_with_its_schedule(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed", run_fields={"schedule": "nightly"})
    header, row = lines(browser.get("/dashboard/failed.csv"))
    assert row[header.index("schedule")] == "nightly"


def test_no_cell_is_a_formula(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed", error="=HYPERLINK(1)", by="@kim")
    _, row = lines(browser.get("/dashboard/failed.csv"))
    assert row[-1].startswith("'=HYPERLINK(1)") and "'@kim" in row


@pytest.mark.usefixtures("small_parts")
def test_each_part_links_to_the_next_until_all_runs_were_sent(browser: FakeBrowser) -> None:
    address, seen = "/dashboard/failed.csv?part=1", []
    for number in (1, 2, 3):
        page = browser.get(address, **NAVIGATION)
        header, *rows = lines(page)
        assert header[0] == "id" and f'filename="failed-{number}.csv"' in page.headers["Content-Disposition"]
        seen += [row[0] for row in rows]
        (address,) = re.findall(r'<(.*)>; rel="next"', page.headers.get("Link", '<>; rel="next"'))
    assert address == "" and len(seen) == len(set(seen)) == 1_200


@pytest.mark.usefixtures("small_parts")
def test_a_person_is_led_through_the_parts_without_scripts(browser: FakeBrowser) -> None:
    page = browser.get("/dashboard/failed.csv?job=record-expiry", **NAVIGATION)
    assert page.location == "/dashboard/failed/csv?job=record-expiry"
    address, sizes = page.location, []
    while address:
        text = browser.get(address).text
        (download,) = re.findall(r'class="button primary" href="([^"]*)"', text)
        sizes.append(len(lines(browser.get(unescape(download)))) - 1)
        address = "".join(unescape(each) for each in re.findall(r'rel="next" href="([^"]*)"', text))
    assert sizes == [500, 500, 200]


def test_a_part_ends_before_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_parts, "MAX_PART_BYTES", 60_000)

    def read_page(place: int | None) -> tuple[list[Sequence[object]], int | None]:
        return [[random.randbytes(20).hex()] for _ in range(500)], (place or 0) + 1

    part = csv_parts.make_part(["text"], read_page, None)
    assert 30_000 < len(part.gzipped) <= 60_000 and part.next and part.rows == 500 * part.next


def test_a_client_that_cannot_unpack_gets_a_gzip_file(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed")
    event = browser.event("GET", "/dashboard/failed.csv", None, {"accept-encoding": "identity"})
    answer = browser.handler(event, browser.context)
    assert (
        answer["headers"]["Content-Type"] == "application/gzip"
        and "Content-Encoding" not in answer["headers"]
    )
    assert gzip.decompress(base64.b64decode(answer["body"])).startswith(b"id,job,state")


@pytest.mark.parametrize("query", ["from=never", "text=" + "x" * 201, "before=x", "bulk=1"])
def test_a_wrong_filter_downloads_nothing(query: str, browser: FakeBrowser) -> None:
    page = browser.get(f"/dashboard/failed.csv?{query}")
    assert page.status == 422 and "The filter is not valid" in page.text


def test_there_is_no_csv_of_an_unknown_list(browser: FakeBrowser) -> None:
    assert browser.get("/dashboard/nothing.csv").status == 404
    assert browser.get("/dashboard/nothing/csv").status == 404
