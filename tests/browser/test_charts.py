"""Charts as they are seen, and as they are heard: drawn in the states' colours, with words and a table."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.tabs import PHONE, Tabs
from tests.support.stack_process import until

# How many pixels of a chart have the colour of a state, in the theme that is on.
PIXELS = """([id, state]) => {
    const canvas = document.querySelector(`#${id} canvas`);
    if (!canvas) return 0;
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const pen = copy.getContext("2d", { willReadFrequently: true });
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${state})`;
    pen.fillStyle = getComputedStyle(probe).color;
    probe.remove();
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

# Where the last bar is that has runs in two states: another hour may begin after they were made.
LAST_BAR = """plot => {
    const rows = [...plot.closest("figure").querySelectorAll("tr[data-at]")];
    const index = rows.findLastIndex((row) => row.querySelectorAll("td a").length > 1);
    return [plot.clientWidth * (index + 0.5) / rows.length, plot.clientHeight - 2];
}"""


def painted(page: Page, chart: str, state: str) -> int:
    return int(page.evaluate(PIXELS, [chart, state]))


def width(page: Page, chart: str) -> Any:
    return page.locator(f"#{chart} .canvas canvas").evaluate("each => each.getBoundingClientRect().width")


def drawn(pixels: int) -> bool:
    return pixels > 0


def count(run_factory: RunFactory, **figures: int) -> None:
    """Figures of an hour that is over in every time span drawn by hours, as the dispatcher would have counted them."""
    given = {"succeeded": 0, "deleted": 0} | figures
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=7)
    run_factory.con.run(
        """
        INSERT INTO job_hour (job, hour, succeeded, deleted, p50_ms, p95_ms)
        VALUES ('daily-summary', :hour, :succeeded, :deleted, 840, 3200)
        ON CONFLICT (job, hour) DO UPDATE
        SET succeeded = job_hour.succeeded + :succeeded, deleted = job_hour.deleted + :deleted
        """,
        hour=hour,
        **given,
    )


def test_the_table_behind_a_chart_opens_and_stays_open(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
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


def test_a_chart_is_drawn_again_when_the_theme_changes(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard")
    until(lambda: painted(page, "history", "succeeded"), drawn)
    page.emulate_media(color_scheme="dark")
    until(lambda: painted(page, "history", "succeeded"), drawn)
    page.get_by_label("Theme").select_option("light")
    until(lambda: painted(page, "history", "succeeded"), drawn)
    page.get_by_label("Theme").select_option("")


def test_a_chart_fits_its_page_after_the_window_has_changed(page: Page, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    page.goto("/dashboard")
    until(lambda: painted(page, "history", "succeeded"), drawn)
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    until(lambda: width(page, "history"), lambda wide: 250 < wide < PHONE["width"])
    assert painted(page, "history", "succeeded") > 0


def test_a_time_of_day_is_the_viewer_s(tabs: Tabs, run_factory: RunFactory) -> None:
    count(run_factory, succeeded=5)
    offsets = {"Asia/Kolkata": "30", "UTC": "00"}
    for zone, minutes in offsets.items():
        page = tabs.open("/dashboard", timezone_id=zone)
        plot = page.locator("#history .u-over")
        plot.hover(position={"x": 200, "y": 40})
        expect(page.locator("#history .span")).to_have_text(re.compile(rf":{minutes} to \d\d:{minutes}"))


def test_a_failure_is_seen_on_top_of_thousands_that_succeeded(page: Page, run_factory: RunFactory) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=9)
    run_factory.con.run(
        "INSERT INTO job_hour (job, hour, succeeded, failed, deleted) VALUES ('daily-summary', :hour, 9000, 1, 1)"
        " ON CONFLICT (job, hour) DO UPDATE SET succeeded = 9000, failed = 1, deleted = 1",
        hour=hour,
    )
    page.goto("/jobs/daily-summary")
    for state in ("succeeded", "failed", "deleted"):
        until(partial(painted, page, "outcomes", state), drawn)


def test_a_click_on_a_bar_lists_its_runs(page: Page, run_factory: RunFactory) -> None:
    made = [run_factory.make(state, job="db-cleanup") for state in ("succeeded", "failed")]
    page.goto("/jobs/db-cleanup")
    plot = page.locator("#outcomes .u-over")
    x, bottom = plot.evaluate(LAST_BAR)
    plot.click(position={"x": x, "y": bottom})
    expect(page).to_have_url(re.compile(r"/dashboard/runs\?job=db-cleanup&ended_from=.*&state=succeeded$"))
    expect(page.locator(f"#run-{made[0]}")).to_be_visible()
    expect(page.locator(f"#run-{made[1]}")).to_have_count(0)
    page.goto("/jobs/db-cleanup")
    x, _ = plot.evaluate(LAST_BAR)
    plot.click(position={"x": x, "y": 6})
    expect(page).to_have_url(re.compile(r"&ended_to=[^&]*$"))
    expect(page.locator(f"#run-{made[1]}")).to_be_visible()
