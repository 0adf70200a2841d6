"""Charts as they are seen, and as they are heard: drawn in the states' colours, with words and a table."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.tabs import PHONE, Tabs
from tests.support.stack_process import Stack, until

# How many pixels of a chart have the colour of a state, in the theme that is on.
PIXELS = """([id, state]) => {
    const canvas = document.querySelector(`#${id} canvas`);
    if (!canvas) return 0;
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${state}`);
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
    pen.clearRect(0, 0, 1, 1);
    pen.drawImage(canvas, 0, 0);
    const { data } = pen.getImageData(0, 0, copy.width, copy.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
        if (data[i] === red && data[i + 1] === green && data[i + 2] === blue && data[i + 3] === 255) found += 1;
    }
    return found;
}"""


def painted(page: Page, chart: str, state: str) -> int:
    return int(page.evaluate(PIXELS, [chart, state]))


def width(page: Page, chart: str) -> Any:
    return page.locator(f"#{chart} .canvas canvas").evaluate("each => each.getBoundingClientRect().width")


def drawn(pixels: int) -> bool:
    return pixels > 0


def count(run_factory: RunFactory, run_id: str | None = None, **figures: int) -> None:
    """Figures of an hour that is over in every time span drawn by hours, as the dispatcher would have counted them."""
    given = {"succeeded": 0, "failed": 0, "deleted": 0} | figures
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=7)
    run_factory.con.run(
        """
        INSERT INTO job_hour (job, hour, succeeded, failed, deleted, p50_ms, p95_ms)
        VALUES ('daily-summary', :hour, :succeeded, :failed, :deleted, 840, 3200)
        ON CONFLICT (job, hour) DO UPDATE
        SET succeeded = job_hour.succeeded + :succeeded, failed = job_hour.failed + :failed,
            deleted = job_hour.deleted + :deleted
        """,
        hour=hour,
        **given,
    )
    if run_id:
        run_factory.con.run(
            """
            INSERT INTO job_hour_error (job, hour, error_type, count, last_run_id, last_at)
            VALUES ('daily-summary', :hour, 'Unheard', 4, CAST(:run_id AS uuid), :hour)
            """,
            hour=hour,
            run_id=run_id,
        )


def test_a_run_that_ends_appears_in_real_time(page: Page, stack: Stack) -> None:
    page.goto("/dashboard")
    stack.wait(stack.trigger("record-expiry")["id"], "succeeded")
    expect(page.locator("#realtime-summary")).to_contain_text(re.compile(r"Last 60 seconds: \d+ succeeded"))
    until(lambda: painted(page, "realtime", "succeeded"), drawn)


def test_a_chart_is_an_image_with_a_description(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard")
    name = re.compile(r"History 24 hours: \d+ succeeded, \d+ failed, \d+ deleted")
    expect(page.get_by_role("img", name=name)).to_be_visible()


def test_the_table_behind_a_chart_opens_by_keyboard_and_stays_open_while_the_page_refreshes(
    page: Page, run_factory: RunFactory
) -> None:
    page.goto("/dashboard")
    page.locator("#history summary").focus()
    page.keyboard.press("Enter")
    table = page.get_by_role("region", name="History, as a table")
    expect(table.get_by_role("row")).to_have_count(25)
    before = page.locator("#history-summary").inner_text()
    count(run_factory, deleted=2)
    expect(page.locator("#history-summary")).not_to_have_text(before)
    expect(table).to_be_visible()


def test_a_bar_says_its_figures_when_pointed_at(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard")
    plot = page.locator("#history .u-over")
    expect(page.locator("#history .span")).to_have_text("Runs in each hour")
    plot.hover(position={"x": plot.evaluate("each => each.clientWidth - 3"), "y": 40})
    expect(page.locator("#history .span")).to_have_text(re.compile(r"\d\d:00 to \d\d:00, still counting"))
    expect(page.locator("#history [data-of=succeeded]")).to_have_text(re.compile(r"\d+"))


def test_hours_before_the_first_count_are_marked_and_so_is_the_present_one(
    page: Page, run_factory: RunFactory
) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard?window=30d")
    key = page.locator("#history .key")
    expect(key).to_contain_text("not collected")
    expect(key).to_contain_text("still counting")


def test_a_chart_is_drawn_again_when_the_theme_changes(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard")
    until(lambda: painted(page, "history", "succeeded"), drawn)
    page.emulate_media(color_scheme="dark")
    until(lambda: painted(page, "history", "succeeded"), drawn)


def test_a_chart_fits_its_page_after_the_window_has_changed(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard")
    until(lambda: painted(page, "history", "succeeded"), drawn)
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    until(lambda: width(page, "history"), lambda wide: 250 < wide < PHONE["width"])
    assert painted(page, "history", "succeeded") > 0


def test_the_time_span_changes_in_place(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard")
    page.get_by_role("link", name="7 days").click()
    expect(page.locator("#history-summary")).to_contain_text("7 days: ")
    until(lambda: painted(page, "history", "succeeded"), drawn)
    assert page.evaluate("document.querySelectorAll('.uplot').length") == 2


def test_a_time_of_day_is_the_viewer_s(tabs: Tabs, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    offsets = {"Asia/Kolkata": "30", "UTC": "00"}
    for zone, minutes in offsets.items():
        page = tabs.open("/dashboard", timezone_id=zone)
        plot = page.locator("#history .u-over")
        plot.hover(position={"x": 200, "y": 40})
        expect(page.locator("#history .span")).to_have_text(re.compile(rf":{minutes} to \d\d:{minutes}"))


def test_analytics_shows_how_long_each_job_took_and_why_attempts_failed(
    page: Page, run_factory: RunFactory
) -> None:
    run_id = run_factory.make("failed", job="daily-summary", error="Unheard: of")
    count(run_factory, run_id, failed=1)
    page.goto("/dashboard/analytics")
    expect(
        page.get_by_role("img", name=re.compile(r"daily-summary p50 [\d.]+ m?s, p95 [\d.]+ m?s"))
    ).to_be_visible()
    reason = page.get_by_role("row", name=re.compile("Unheard"))
    expect(reason.locator(f"a[href='/runs/{run_id}']")).to_be_visible()
    reason.get_by_role("link", name="Unheard").click()
    expect(page.locator(f"#run-{run_id}")).to_be_visible()
