"""The lists of runs: columns, buttons, search and filter, and what is done to many at once."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.gate import Gate
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs
from tests.support.stack_process import Stack, until


# Each list: a run that is in it, its columns, the buttons of a row.
def row(page: Page, run_id: str) -> Locator:
    return page.locator(f"#run-{run_id}")


def top(row: Locator) -> float:
    """Where on the screen the row begins, in pixels."""
    place: float = row.evaluate("each => each.getBoundingClientRect().top")
    return place


def said(page: Page) -> Locator:
    """What the buttons of the rows said."""
    return page.locator("#said")


def test_a_failed_run_opens_to_its_traceback_in_the_list(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", error="MailError: the list shows this")
    page.goto("/dashboard/failed")
    row(page, run_id).locator("summary").click()
    expect(row(page, run_id).get_by_label("Traceback")).to_contain_text("most recent call last")


def test_a_retry_says_which_it_is_and_why(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("scheduled", retries=4, error="Timeout: silence")
    page.goto("/dashboard/retries")
    expect(row(page, run_id)).to_contain_text("Retry 4 of 10: Timeout: silence")
    expect(row(page, run_id).locator(".c-due")).to_contain_text("in ")


@pytest.mark.parametrize("state", ["failed", "succeeded"])
def test_one_run_is_retried_from_its_row(
    page: Page, run_factory: RunFactory, stack: Stack, state: str
) -> None:
    run_id = run_factory.make(state, job="record-expiry")
    page.goto(f"/dashboard/{state}")
    row(page, run_id).get_by_role("button", name="Retry").click()
    expect(said(page)).to_contain_text("was queued")
    until(lambda: stack.run(run_id)["result"] or {}, lambda result: "expired" in result)


def test_one_run_is_deleted_from_its_row_after_a_question(
    page: Page, run_factory: RunFactory, stack: Stack
) -> None:
    run_id = run_factory.make("scheduled")
    page.goto("/dashboard/scheduled")
    row(page, run_id).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(said(page)).to_contain_text("was deleted.")
    expect(page).to_have_url(re.compile("/dashboard/scheduled$"))
    assert stack.run(run_id)["state"] == "deleted"


def test_one_run_that_waits_is_started_from_its_row(page: Page, stack: Stack) -> None:
    run_id = stack.trigger("db-cleanup", delay_seconds=3000, payload={"dry_run": True})["id"]
    page.goto("/dashboard/scheduled")
    row(page, run_id).get_by_role("button", name="Run now").click()
    expect(said(page)).to_contain_text("was queued")
    stack.wait(run_id, "succeeded")


def test_an_action_in_a_row_keeps_scroll_focus_and_what_was_said(page: Page, run_factory: RunFactory) -> None:
    ids = run_factory.make_many([{"state": "failed", "error": "RowError: keep"} for _ in range(40)])
    page.goto("/dashboard/failed?text=RowError&size=50")
    for run_id in (ids[5], ids[4]):
        button = row(page, run_id).get_by_role("button", name="Delete")
        button.scroll_into_view_if_needed()
        button.focus()
        before = top(row(page, run_id))
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
        expect(row(page, run_id).get_by_text("Deleted", exact=True)).to_be_focused()
        # A refresh may change the height of the row that was deleted before by two pixels.
        assert page.evaluate("scrollY") > 0 and abs(top(row(page, run_id)) - before) < 5
    expect(row(page, ids[5])).to_have_class(re.compile("gone"))  # a refresh later
    expect(said(page).get_by_role("link", name="Open the run")).to_have_count(2)
    said(page).get_by_role("button", name="Dismiss").first.click()
    expect(said(page).get_by_role("link", name="Open the run")).to_have_count(1)


def test_a_refused_action_in_a_row_shows_the_page_that_says_why(
    tabs: Tabs, page: Page, run_factory: RunFactory
) -> None:
    tabs.expect("status of 404")
    run_id = run_factory.make("failed", error="RowError: gone")
    page.goto("/dashboard/failed?text=RowError+gone")
    run_factory.con.run("DELETE FROM job_run WHERE id = CAST(:id AS uuid)", id=run_id)
    row(page, run_id).get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No such run")


def test_without_scripts_a_button_in_a_row_leads_back_to_the_list(
    tabs: Tabs, run_factory: RunFactory
) -> None:
    run_id = run_factory.make("failed", error="RowError: bare")
    page = tabs.open("/dashboard/failed?text=RowError+bare", java_script_enabled=False)
    row(page, run_id).get_by_role("button", name="Retry").click()
    expect(page.locator(".flash")).to_contain_text("was queued")
    expect(page).to_have_url(re.compile(r"/dashboard/failed\?text=RowError\+bare"))


def test_a_filter_is_kept_under_a_name_in_this_browser(tabs: Tabs, run_factory: RunFactory) -> None:
    run_factory.make("failed", error="SavedError: x")
    page = tabs.open("/dashboard/failed?text=SavedError&last=1h", own=True)
    page.get_by_role("button", name="Save this filter").click()
    page.get_by_label("Name", exact=True).fill("<b>Mine</b>")
    page.keyboard.press("Enter")
    page.goto("/dashboard/runs")
    saved = page.get_by_role("list", name="Saved filters")
    saved.get_by_role("link", name="<b>Mine</b>").click()
    expect(page).to_have_url(re.compile(r"/dashboard/failed\?text=SavedError&last=1h"))
    saved.get_by_role("button", name="Remove the saved filter <b>Mine</b>").click()
    expect(saved).to_have_count(0)


def test_no_more_than_ten_filters_are_kept(tabs: Tabs) -> None:
    page = tabs.open("/dashboard/failed?last=1h", own=True)
    many = [{"name": f"F{number}", "address": f"/dashboard/failed?text={number}"} for number in range(12)]
    page.evaluate("many => localStorage.setItem('saved-filters', JSON.stringify(many))", many)
    page.reload()
    expect(page.get_by_role("list", name="Saved filters").get_by_role("listitem")).to_have_count(10)
    expect(page.get_by_text("10 filters are saved")).to_be_visible()


def test_what_another_program_left_among_the_saved_filters_is_ignored(tabs: Tabs) -> None:
    page = tabs.open("/dashboard/failed?last=1h", own=True)
    for text in ("no JSON", '[{"name": "x", "address": "javascript:alert(1)"}, 7, null]', '{"a": 1}'):
        page.evaluate("text => localStorage.setItem('saved-filters', text)", text)
        page.reload()
        expect(page.get_by_role("button", name="Save this filter")).to_be_visible()


def test_chips_and_presets_change_the_list(page: Page, run_factory: RunFactory) -> None:
    old = run_factory.make("failed", error="ChipError: x", ago=timedelta(hours=3))
    page.goto("/dashboard/failed?text=ChipError")
    page.get_by_role("navigation", name="Created in the last").get_by_role("link", name="1 h").click()
    expect(row(page, old)).to_have_count(0)
    page.get_by_role("link", name="Remove the filter Created in").click()
    expect(row(page, old)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/dashboard/failed\?text=ChipError$"))


def test_a_list_is_downloaded_as_a_file(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", error="CsvError: x")
    page.goto("/dashboard/failed?text=CsvError")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "failed-1.csv"
    assert run_id in download.value.path().read_text()


def test_all_parts_of_a_large_list_are_downloaded_one_after_the_other(page: Page) -> None:
    def answer(route: Route) -> None:
        number = int(route.request.url.rpartition("part=")[2])
        headers = {"Content-Disposition": f'attachment; filename="failed-{number}.csv"'}
        if number < 3:
            headers["Link"] = f'</dashboard/failed.csv?part={number + 1}>; rel="next"'
        route.fulfill(body=f"id\r\n{number}\r\n", headers=headers)

    names: list[str] = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    page.route("**/failed.csv?*", answer)
    page.goto("/dashboard/failed/csv")
    # The page may say that all is done before the browser reports the last download.
    with page.expect_download(lambda download: download.suggested_filename == "failed-3.csv"):
        page.get_by_role("button", name="Download all parts").click()
    expect(page.get_by_text("All 3 parts were downloaded.")).to_be_visible()
    assert names == ["failed-1.csv", "failed-2.csv", "failed-3.csv"]


def test_runs_are_found_by_id_error_payload_job_and_trigger(page: Page, run_factory: RunFactory) -> None:
    one = run_factory.make("failed", error="OddError: the quokka escaped", by="Ada")
    two = run_factory.make("succeeded", job="record-expiry", payload={"batch_size": 31337})
    for text, found in ((one, one), ("quokka", one), ("31337", two)):
        page.goto("/dashboard/runs")
        page.get_by_label("Search", exact=True).fill(text)
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("#runs tr")).to_have_count(1)
        expect(row(page, found)).to_be_visible()
    page.goto("/dashboard/runs")
    page.get_by_label("Job").select_option("record-expiry")
    page.get_by_label("State").select_option("succeeded")
    page.get_by_label("Started by").select_option("schedule")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("job=record-expiry"))
    expect(row(page, two)).to_be_visible()
    expect(row(page, one)).to_have_count(0)
    page.get_by_role("link", name="Clear").click()
    expect(row(page, one)).to_be_visible()


def test_runs_are_found_by_when_they_were_created(page: Page, run_factory: RunFactory) -> None:
    old = run_factory.make("succeeded", ago=timedelta(days=20))
    page.goto("/dashboard/runs")
    page.get_by_label("Created from (").fill("2020-01-01T00:00")
    page.get_by_label(re.compile(r"^to \(")).fill(f"{datetime.now(UTC) - timedelta(days=18):%Y-%m-%d}T12:00")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("to="))
    expect(row(page, old)).to_be_visible()
    assert page.locator("#runs tr").count() < 5


def test_the_search_of_the_top_bar_finds_runs_from_everywhere(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", error="OddError: the wombat escaped")
    page.goto("/jobs")
    page.get_by_role("searchbox").fill("wombat")
    page.keyboard.press("Enter")
    expect(row(page, run_id)).to_be_visible()


def test_a_page_holds_as_many_runs_as_one_likes(page: Page, run_factory: RunFactory) -> None:
    run_factory.make_many([{"state": "deleted", "payload": {"batch_size": 4712}} for _ in range(60)])
    page.goto("/dashboard/deleted?text=4712")
    rows, sizes = page.locator("#runs tr"), page.get_by_role("navigation", name="Runs per page")
    expect(rows).to_have_count(20)
    for size in (200, 10, 50):
        sizes.get_by_role("link", name=str(size), exact=True).click()
        expect(rows).to_have_count(min(size, 60))
    page.get_by_role("link", name="Next page").click()
    expect(rows).to_have_count(10)
    page.get_by_role("link", name="Back to the first page").click()
    expect(rows).to_have_count(50)


def test_a_list_says_how_long_its_runs_are_kept(page: Page, run_factory: RunFactory) -> None:
    for state, days in {"succeeded": 30, "deleted": 30, "failed": 90}.items():
        run_factory.make(state)
        page.goto(f"/dashboard/{state}")
        expect(page.get_by_role("main")).to_contain_text(f"kept for {days} days")


def test_selected_runs_are_deleted_together_after_a_question_with_their_number(
    page: Page, run_factory: RunFactory, stack: Stack
) -> None:
    ids = run_factory.make_many([{"state": "failed", "error": "BulkError: page"} for _ in range(5)])
    page.goto("/dashboard/failed?text=BulkError+page")
    bar = page.get_by_role("form", name="Bulk actions")
    expect(bar.get_by_role("button", name="Delete")).to_be_disabled()
    for run_id in ids[:3]:
        row(page, run_id).get_by_role("checkbox").check()
    expect(bar.get_by_role("status")).to_have_text("3 runs selected")
    bar.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 3 runs?")
    page.get_by_role("dialog").get_by_role("button", name="Delete 3 runs").click()
    expect(page.locator(".flash")).to_contain_text("3 runs were deleted.")
    assert [stack.run(run_id)["state"] for run_id in ids] == ["deleted"] * 3 + ["failed"] * 2


def test_the_question_counts_only_the_selected_runs_that_it_concerns(
    page: Page, run_factory: RunFactory
) -> None:
    for state in ("failed", "succeeded"):
        run_factory.make(state, payload={"batch_size": 60817})
    page.goto("/dashboard/runs?text=60817")
    page.get_by_label("Select all on this page").check()
    bar = page.get_by_role("form", name="Bulk actions")
    expect(bar.get_by_role("button", name="Run now")).to_be_disabled()
    bar.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 1 run? 1 run in another state is left alone.")


def test_all_that_match_a_filter_are_deleted_on_every_page(
    page: Page, run_factory: RunFactory, stack: Stack
) -> None:
    ids = run_factory.make_many([{"state": "failed", "error": "BulkError: everywhere"} for _ in range(45)])
    other = run_factory.make("failed", error="BulkError: elsewhere")
    page.goto("/dashboard/failed?text=BulkError+everywhere&size=20")
    page.get_by_label(re.compile("that match, on every page")).check()
    page.get_by_role("form", name="Bulk actions").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 45 runs?")
    expect(page.get_by_role("main")).to_contain_text("that contain “BulkError everywhere”")
    page.get_by_role("button", name="Delete 45 runs").click()
    expect(page.locator(".flash")).to_contain_text("45 runs were deleted.")
    expect(page).to_have_url(re.compile("/dashboard/failed"))
    assert {stack.run(run_id)["state"] for run_id in ids[::11]} == {"deleted"}
    assert stack.run(other)["state"] == "failed"


def test_waiting_runs_are_started_together(page: Page, stack: Stack) -> None:
    payload = {"dry_run": True, "older_than_days": 777}
    ids = [stack.trigger("db-cleanup", delay_seconds=5000, payload=payload)["id"] for _ in range(3)]
    page.goto("/dashboard/scheduled?text=777")
    page.get_by_label("Select all on this page").check()
    page.get_by_role("form", name="Bulk actions").get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run 3 runs now").click()
    until(lambda: {stack.run(run_id)["state"] for run_id in ids}, lambda states: states == {"succeeded"})


def test_a_large_action_shows_its_progress_stops_and_continues(page: Page, run_factory: RunFactory) -> None:
    run_factory.make_many([{"state": "failed", "error": "LargeError: x"} for _ in range(2_500)])
    page.goto("/dashboard/failed?error_type=LargeError")
    page.get_by_label(re.compile("that match, on every page")).check()
    page.get_by_role("form", name="Bulk actions").get_by_role("button", name="Delete").click()
    calls = Gate(page, "**/next")
    page.get_by_role("button", name="Delete 2,500 runs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleting: 1,000 of 2,500 runs")
    calls.wait()
    page.goto("/dashboard/activity")  # the page is left in the middle
    run_factory.con.run("UPDATE bulk_action SET changed_at = changed_at - interval '1 minute'")
    note = page.locator("#activity tr").filter(has_text="LargeError").first
    expect(note).to_contain_text("stopped after 1,000 of 2,500 runs")
    calls.open()
    note.get_by_role("link", name="1,000 runs").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "1000")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2,500 runs were deleted")
    page.get_by_role("link", name="Show the runs that were changed").click()
    expect(page.locator("#runs tr")).to_have_count(20)


def test_without_scripts_a_bulk_action_asks_on_its_own_page(
    tabs: Tabs, run_factory: RunFactory, stack: Stack
) -> None:
    run_id = run_factory.make("failed", error="BulkError: bare")
    page = tabs.open("/dashboard/failed?text=BulkError+bare", java_script_enabled=False)
    row(page, run_id).get_by_role("checkbox").check()
    page.get_by_role("form", name="Bulk actions").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete 1 run").click()
    expect(page.locator(".flash")).to_be_visible()
    assert stack.run(run_id)["state"] == "deleted"


def test_the_enqueued_runs_are_shown_per_queue(page: Page, run_factory: RunFactory) -> None:
    one, other = (run_factory.make("enqueued", job=job) for job in ("db-cleanup", "daily-summary"))
    page.goto("/dashboard/enqueued")
    page.get_by_role("navigation", name="Queues").get_by_role("link", name="daily-summary").click()
    expect(row(page, other)).to_be_visible()
    expect(row(page, one)).to_have_count(0)
