"""Records that somebody else changes, many records at once, and files of records, in the browser."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.tabs import Tabs
from tests.support.stack_process import Stack

HEADER = "title,expiry_date\r\n"


def add_records(stack: Stack, count: int, title: str) -> None:
    """Import so many records with one title."""
    status, answer = stack.import_csv(HEADER + f"{title},2031-01-01\r\n" * count)
    assert (status, answer["created"]) == (200, count)


def titles(stack: Stack, q: str) -> list[str]:
    return [record["title"] for record in stack.get(f"/api/records?limit=200&q={q}")["items"]]


def csv_file(content: str | bytes, name: str = "leases.csv") -> FilePayload:
    return {
        "name": name,
        "mimeType": "text/csv",
        "buffer": content.encode() if isinstance(content, str) else content,
    }


def choose(page: Page, content: str | bytes) -> None:
    page.goto("/records/import")
    page.get_by_label("CSV file").set_input_files(csv_file(content))


def test_a_record_deleted_in_another_tab_leaves_no_form_and_no_message(tabs: Tabs, stack: Stack) -> None:
    tabs.expect("status of 404")
    record = stack.add_record("Deleted elsewhere", timedelta(days=1))
    page = tabs.open(f"/records/{record['id']}")
    page.get_by_label("Title", exact=True).fill("Deleted elsewhere, edited")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Changes saved.")).to_be_visible()
    stack.call("DELETE", f"/api/records/{record['id']}")
    expect(page.get_by_role("heading", level=1, name=f"Record {record['id']} was deleted")).to_be_visible()
    expect(page.get_by_role("heading", name="Edit")).to_have_count(0)
    expect(page.get_by_text("Changes saved.")).to_have_count(0)


def test_the_second_of_two_editors_sees_both_versions_and_decides(tabs: Tabs, stack: Stack) -> None:
    tabs.expect("status of 409")
    record = stack.add_record("First", timedelta(days=1))
    page = tabs.open(f"/records/{record['id']}")
    page.get_by_label("Title", exact=True).fill("Mine")
    stack.call("PATCH", f"/api/records/{record['id']}", {"title": "Theirs"})
    page.get_by_role("button", name="Save changes").click()
    row = page.get_by_role("row", name="Title")
    expect(row.get_by_role("cell")).to_have_text(["Theirs", "Mine"])
    assert stack.get(f"/api/records/{record['id']}")["title"] == "Theirs"
    page.get_by_role("button", name="Save mine anyway").click()
    expect(page.get_by_role("heading", level=1, name="Mine", exact=True)).to_be_visible()
    assert stack.get(f"/api/records/{record['id']}")["title"] == "Mine"


def test_a_selection_survives_a_refresh_and_is_extended(page: Page, stack: Stack) -> None:
    records = [stack.add_record(f"Selected {number}", timedelta(days=1)) for number in range(3)]
    page.goto("/records?q=selected")
    expect(page.get_by_role("button", name="Extend…")).to_be_disabled()
    for number in (0, 2):
        page.get_by_label(f"Select Selected {number}").check()
    with page.expect_response(lambda answer: answer.status == 200 and "/records?q=selected" in answer.url):
        stack.add_record("Selected later", timedelta(days=1))
    expect(page.get_by_text("2 records selected")).to_be_visible()
    page.get_by_role("button", name="Extend…").click()
    expect(page.get_by_role("heading", name="Extend the expiry of 2 selected records")).to_be_visible()
    page.get_by_label("By this number of days").fill("7")
    page.get_by_role("button", name="Extend by days").click()
    expect(page.get_by_role("status")).to_contain_text("2 records extended by 7 days.")
    moved = [
        stack.get(f"/api/records/{record['id']}")["expiry_date"] != record["expiry_date"]
        for record in records
    ]
    assert moved == [True, False, True]


def test_all_that_match_are_deleted_with_progress(page: Page, stack: Stack) -> None:
    add_records(stack, 2_100, "Obsolete permit")
    page.goto("/records?q=obsolete")
    page.get_by_label("Select all that match, on every page").check()
    page.get_by_role("button", name="Delete…").click()
    question = "Delete all 2,100 records whose titles match “obsolete” permanently?"
    expect(page.get_by_role("heading", name=question)).to_be_visible()
    held: list[Route] = []
    page.route("**/records/bulk/*", lambda route: route.continue_() if held else held.append(route))
    page.get_by_role("button", name="Delete all 2,100").click()
    expect(page.get_by_role("heading", name="1,000 records deleted so far")).to_be_visible()
    held[0].continue_()
    expect(page.get_by_role("status")).to_contain_text("2,100 records deleted.")
    assert titles(stack, "obsolete") == []
    page.get_by_role("status").get_by_role("link", name="Activity").click()
    expect(page.get_by_role("row").filter(has_text="obsolete")).to_contain_text("2,100 records")


def test_a_file_is_checked_then_imported_and_its_refused_lines_kept(page: Page, stack: Stack) -> None:
    choose(page, f'{HEADER}"Imported, ""quoted""\nlease",2031-01-01\r\nImported wrong,2026-13-01\r\n')
    expect(page.get_by_text("leases.csv: 2 lines, 1 of which has an error and is left out.")).to_be_visible()
    expect(page.get_by_text("Line 4: expiry_date 2026-13-01 is not a date")).to_be_visible()
    assert titles(stack, "imported") == []
    page.get_by_role("button", name="Import 1 record").click()
    expect(page.get_by_text("1 record imported from leases.csv. 1 line was left out.")).to_be_visible()
    assert titles(stack, "imported") == ['Imported, "quoted"\nlease']
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the refused lines").click()
    refused = Path(download.value.path()).read_text()
    page.get_by_label("CSV file").set_input_files(csv_file(refused.replace("2026-13-01", "2026-12-01")))
    page.get_by_role("button", name="Import 1 record").click()
    expect(page.get_by_text("1 record imported from leases.csv.")).to_be_visible()
    assert titles(stack, "imported") == ["Imported wrong", 'Imported, "quoted"\nlease']


def test_a_long_file_goes_on_after_a_failure_and_creates_nothing_twice(tabs: Tabs, stack: Stack) -> None:
    tabs.expect("Failed to load resource")
    page = tabs.open()
    line = f'"Parted {"x" * 200}, 5"" disk\r\nsecond line",2031-01-01\r\n'
    count = 3_000
    choose(page, f'{HEADER}{line * count}5" disk of Parted,2031-01-01\r\nParted wrong,soon\r\n')
    expect(page.get_by_text(f"Line {2 * count + 3}: expiry_date soon is not a date")).to_be_visible()
    sent = 0

    def lose_an_answer(route: Route) -> None:
        nonlocal sent
        sent += 1
        if sent == 2:
            route.fetch()  # the server has imported it, but the browser does not learn of it
            route.abort()
        else:
            route.continue_()

    page.route("**/records/import?*", lose_an_answer)
    page.get_by_role("button", name="Import 3,001 records").click()
    expect(page.get_by_text("3,001 records imported from leases.csv. 1 line was left out.")).to_be_visible()
    assert sent >= 4
    page.goto("/records?q=parted")
    page.get_by_label("Select all that match, on every page").check()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("all 3,001 records")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (HEADER.encode("utf-16"), "The file is in UTF-16"),
        (HEADER.encode() + b"M\xfcll,2031-01-01", "The file is not in UTF-8"),
        (b"", "The file is empty"),
        (b"title,expiry_date,<img src=x>\n", "The column <img src=x> is not one of a record"),
        (HEADER.encode() + b'"' + b"x\n" * 600_000, "Line 2 is longer than 1 MB"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(tabs: Tabs, content: bytes, sentence: str) -> None:
    tabs.expect("status of 422")
    page = tabs.open()
    choose(page, content)
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_contain_text("Nothing was imported.")


def test_without_scripts_a_file_is_imported_and_a_selection_extended(tabs: Tabs, stack: Stack) -> None:
    page = tabs.open(java_script_enabled=False)
    choose(page, f"{HEADER}Scriptless lease,2031-01-01\r\n")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("1 record imported.")).to_be_visible()
    page.goto("/records?q=scriptless")
    page.get_by_label("Select Scriptless lease").check()
    page.get_by_role("button", name="Extend…").click()
    page.get_by_label("By this number of days").fill("1")
    page.get_by_role("button", name="Extend by days").click()
    expect(page.get_by_role("status")).to_contain_text("1 record extended by 1 day.")
    (record,) = stack.get("/api/records?q=scriptless")["items"]
    assert record["expiry_date"] == "2031-01-02T00:00:00Z"


def test_a_list_is_downloaded(page: Page, stack: Stack) -> None:
    stack.add_record("=HYPERLINK(downloaded)", timedelta(days=1))
    page.goto("/records?q=downloaded")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    lines: Any = Path(download.value.path()).read_text().splitlines()
    assert lines[1].split(",")[1] == "'=HYPERLINK(downloaded)"
