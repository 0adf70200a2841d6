"""The dashboard beside its lists: overview, workers, analytics, activity."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.support.stack_process import Stack

ME = "you (this machine)"


def test_the_first_screen_says_whether_anything_is_wrong(page: Page, run_factory: RunFactory) -> None:
    run_factory.make("failed", job="db-cleanup", error="MailError: seen first")
    page.goto("/dashboard")
    verdict = page.get_by_role("region", name="Warnings").get_by_role("listitem")
    of_job = verdict.filter(has_text=re.compile(r"db-cleanup is failing: \d+ runs? failed"))
    of_job.get_by_role("link", name="See what fails").click()
    expect(page).to_have_url(re.compile("/dashboard/failing#db-cleanup$"))
    expect(page.get_by_role("region", name="db-cleanup")).to_contain_text("seen first")


def test_the_sidebar_leads_to_every_page_and_counts(page: Page, run_factory: RunFactory) -> None:
    run_factory.make("failed")
    page.goto("/dashboard")
    sidebar = page.get_by_role("navigation", name="Dashboard")
    expect(sidebar.get_by_role("link", name="Failed")).to_contain_text(re.compile(r"[1-9]"))
    for name in ("Failing", "Schedules", "Workers", "Analytics", "Activity", "Retries", "Overview"):
        sidebar.get_by_role("link", name=name).click()
        expect(sidebar.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()


def test_the_real_time_graph_shows_what_just_ended(page: Page, stack: Stack) -> None:
    page.goto("/dashboard")
    stack.wait(stack.trigger("record-expiry")["id"], "succeeded")
    chart = page.get_by_role("figure").filter(has_text="Real time")
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart).to_contain_text(re.compile(r"Last 60 seconds: [1-9]\d* succeeded"))
    chart.get_by_text("As a table").click()
    expect(chart.get_by_role("table")).to_contain_text("Succeeded")


def test_the_history_covers_a_day_a_week_and_a_month(
    page: Page, stack: Stack, run_factory: RunFactory
) -> None:
    run_factory.make("succeeded", ago=timedelta(minutes=2))
    stack.dispatch()
    page.goto("/dashboard")
    spans = page.get_by_role("navigation", name="Time span")
    chart = page.get_by_role("figure").filter(has_text="History")
    for window in ("7 days", "24 hours", "30 days"):
        spans.get_by_role("link", name=window).click()
        expect(chart).to_contain_text(re.compile(rf"{window}: [\d,]+ succeeded, \d+ failed, \d+ deleted"))
        expect(chart.locator("canvas")).to_be_visible()
    expect(chart.locator(".key")).to_contain_text("not collected")
    expect(chart.locator(".key")).to_contain_text("still counting")
    assert page.evaluate("document.querySelectorAll('.uplot').length") == 2


def test_recurring_jobs_show_schedule_next_and_last_run(
    page: Page, stack: Stack, run_factory: RunFactory
) -> None:
    run_id = run_factory.make("succeeded", job="record-expiry")
    # Later than the run of the schedule itself, if the hour ends meanwhile.
    run_factory.con.run(
        "UPDATE job_run SET occurrence = now() + interval '5 minutes' WHERE id = CAST(:id AS uuid)", id=run_id
    )
    stack.dispatch()
    page.goto("/dashboard/schedules")
    job = page.locator("#job-record-expiry")
    expect(job).to_contain_text(re.compile(r"in \d+ (min|s)"))
    expect(job.locator(f"a[href='/runs/{run_id}']")).to_have_text("succeeded")
    job.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("status").get_by_role("link", name="Open the run")).to_be_visible()


def test_a_recurring_job_is_paused_and_resumed_where_it_is_listed(page: Page) -> None:
    page.goto("/dashboard/schedules")
    job = page.locator("#job-db-cleanup")
    job.get_by_text("Pause", exact=True).click()
    job.get_by_label("Reason").fill("an audit")
    job.get_by_role("button", name="Pause db-cleanup").click()
    expect(job).to_contain_text("an audit")
    job.get_by_role("button", name="Resume").click()
    expect(job).not_to_contain_text("an audit")


def test_a_missed_run_is_reported_and_never_started_later(page: Page, run_factory: RunFactory) -> None:
    run_factory.add_missed_occurrence("db-cleanup", timedelta(hours=3))
    page.goto("/dashboard")
    expect(page.get_by_role("region", name="Warnings")).to_contain_text("1 scheduled run was missed")
    page.goto("/dashboard/schedules")
    expect(page.locator("#job-db-cleanup")).to_contain_text("1 missed")


def test_a_skipped_scheduled_run_is_listed_with_the_reason(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make_skipped("record-expiry", "skipped: another run is processing")
    page.goto("/dashboard/deleted")
    page.locator(f"#run-{run_id}").get_by_role("link").first.click()
    expect(page.locator(".history")).to_contain_text("skipped: another run is processing")


def test_workers_show_what_each_is_doing_and_the_clocks(
    page: Page, stack: Stack, run_factory: RunFactory
) -> None:
    stack.wait(stack.trigger("record-expiry")["id"], "succeeded")
    run_id = run_factory.make("processing", ago=timedelta(minutes=1))
    stack.dispatch()
    page.goto("/dashboard/workers")
    table = page.get_by_role("table").filter(has_text="Last seen")
    expect(table.get_by_role("row").filter(has_text="record-expiry").first).to_contain_text("idle")
    expect(table.locator(f"a[href='/runs/{run_id}']")).to_be_visible()
    expect(page.get_by_text("Dispatcher's last pass")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^[+-]\d\.\d s$"))).to_be_visible()


def test_analytics_show_runs_durations_errors_and_records(
    page: Page, stack: Stack, run_factory: RunFactory
) -> None:
    run_id = run_factory.make("failed", job="daily-summary", error="QuotaError: too many mails")
    run_factory.make("succeeded", job="record-expiry")
    stack.add_record("Counted", timedelta(days=1))
    stack.dispatch()
    page.goto("/dashboard/analytics")
    for title in ("Runs", "Records"):
        chart = page.get_by_role("figure").filter(has=page.get_by_role("heading", name=title, exact=True))
        expect(chart.locator("canvas")).to_be_visible()
    expect(page.get_by_text("p50").first).to_be_visible()
    reason = page.get_by_role("row").filter(has_text="QuotaError")
    expect(reason).to_contain_text("daily-summary")
    reason.get_by_role("link", name="QuotaError").click()
    expect(page.locator(f"#run-{run_id}")).to_be_visible()


def test_analytics_of_one_job_alone(page: Page) -> None:
    page.goto("/dashboard/analytics?window=7d")
    page.get_by_role("navigation", name="Job").get_by_role("link", name="record-expiry").click()
    expect(page).to_have_url(re.compile(r"window=7d&job=record-expiry"))
    expect(page.get_by_role("navigation", name="Job").locator("[aria-current]")).to_have_text("record-expiry")


def test_activity_names_who_did_what_to_which(page: Page, stack: Stack) -> None:
    record = stack.add_record("Watched", timedelta(days=9))
    run_id = stack.trigger("db-cleanup", delay_seconds=4000)["id"]
    stack.call("POST", f"/api/runs/{run_id}/delete")
    page.goto("/dashboard/activity")
    rows = page.locator("#activity tr")
    expect(rows.filter(has=page.locator(f"a[href='/runs/{run_id}']")).first).to_contain_text(ME)
    created = rows.filter(has=page.locator(f"a[href='/records/{record['id']}']"))
    expect(created).to_contain_text("created")
    expect(created).to_contain_text("Watched")


def test_the_health_endpoint_answers_a_monitor(page: Page, stack: Stack) -> None:
    stack.dispatch()
    answer = page.request.get("/api/health")
    assert answer.status == 200 and answer.json()["ok"]


def test_the_foot_says_which_database_answered_and_how_its_clock_goes(page: Page) -> None:
    page.goto("/dashboard")
    foot = page.get_by_role("contentinfo")
    expect(foot).to_contain_text(re.compile(r"PostgreSQL 1\d"))
    expect(foot).to_contain_text(re.compile(r"Database clock: [+-]\d+\.\d+ s"))
    expect(foot).to_contain_text(re.compile(r"Rendered in \d+ ms"))
