"""The page Schedules, and the page of each: what is in force, its buttons, its runs."""

import re
from datetime import timedelta
from html import unescape

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.schedules import store
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.job_pages import job_card, only_run, set_schedule
from tests.integration.console.record_pages import visible_text
from tests.integration.console.schedule_pages import GOOD, HOME, make


def in_force(con: Connection) -> None:
    con.query("UPDATE job_schedule SET in_force = version")


def row(page: Page, name: str = "nightly", kind: str = "made") -> str:
    """A schedule's row, as people read it."""
    (found,) = re.findall(rf'<tr id="{kind}-{name}">.*?</tr>', page.text, re.S)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found)))


def test_rules_and_made_schedules_are_listed_together(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    make(con)
    in_force(con)
    page = browser.get(HOME)
    assert 'id="job-db-cleanup"' in page.text
    shown = row(page)
    for said in ("db-cleanup", "Created by ada", "Every day at 07:00 Europe/Berlin", "never", "enabled"):
        assert said in shown


def test_the_old_address_leads_here(browser: FakeBrowser) -> None:
    assert browser.get("/dashboard/recurring").location == HOME


def test_it_is_paused_and_resumed_where_it_is_listed(browser: FakeBrowser, con: Connection) -> None:
    make(con)
    in_force(con)
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    assert browser.post(f"{HOME}/nightly/pause", {"back-to": "schedules"}).location == HOME
    assert re.search(r"paused by kim@example\.com", row(browser.get(HOME)))
    assert browser.post(f"{HOME}/nightly/resume").location == f"{HOME}/nightly"
    assert "not yet in force" in row(browser.get(HOME))


def button_fields(page: Page, action: str) -> dict[str, str]:
    """What the form of a schedule's button submits."""
    (form,) = re.findall(rf'<form [^>]*action="{HOME}/nightly/{action}".*?</form>', page.text, re.S)
    fields = dict(re.findall(r'name="([\w-]+)" value="([^"]*)"', form))
    return fields | ({"sure": "yes"} if action == "delete" else {})


@pytest.mark.parametrize(
    ("address", "action"),
    [
        (HOME, "pause"),
        (HOME, "resume"),
        (f"{HOME}/nightly", "pause"),
        (f"{HOME}/nightly", "resume"),
        (f"{HOME}/nightly", "delete"),
    ],
)
def test_a_button_beside_an_outdated_version_does_nothing(
    browser: FakeBrowser, con: Connection, address: str, action: str
) -> None:
    make(con, enabled=action != "resume")
    fields = button_fields(browser.get(address), action)
    changed = make(con, expression="rate(2 hours)", actor="robin")
    answer = browser.post(f"{HOME}/nightly/{action}", fields)
    assert answer.location == f"{HOME}/nightly" and store.find(con, "nightly") == changed
    page = browser.get(f"{HOME}/nightly")
    assert "robin changed this schedule in the meantime" in page.text and "every 2 hours" in page.text.lower()
    browser.post(f"{HOME}/nightly/{action}", button_fields(page, action))
    assert store.find(con, "nightly") != changed


def test_the_question_about_a_deletion_is_of_the_version_that_it_shows(
    browser: FakeBrowser, con: Connection
) -> None:
    make(con)
    page = browser.post(f"{HOME}/nightly/delete")
    changed = make(con, expression="rate(2 hours)", actor="robin")
    assert browser.post(f"{HOME}/nightly/delete", button_fields(page, "delete")).status == 303
    assert store.find(con, "nightly") == changed


def test_run_now_takes_its_payload(browser: FakeBrowser, con: Connection) -> None:
    make(con, payload={"older_than_days": 30})
    browser.post(f"{HOME}/nightly/run")
    run = only_run(con)
    assert (run.job, run.payload, run.trigger) == ("db-cleanup", {"older_than_days": 30}, "console")


def test_deletion_is_asked_about_first(browser: FakeBrowser, con: Connection) -> None:
    make(con)
    page = browser.post(f"{HOME}/nightly/delete")
    assert "db-cleanup then no longer runs every day at 07:00 Europe/Berlin." in visible_text(page)
    assert store.find(con, "nightly")
    assert browser.post(f"{HOME}/nightly/delete", {"sure": "yes"}).location == HOME
    assert store.find(con, "nightly") is None
    assert browser.get(f"{HOME}/nightly").status == 404


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("in_force = NULL", "not yet in force The dispatcher passes it to EventBridge Scheduler"),
        ("in_force = version - 1", "change not yet in force"),
        (
            "sync_error = 'it was throttled', sync_failed_at = now(), sync_attempts = 3",
            "It was throttled. It was tried 3 times",
        ),
        ("in_force = version, paused_in_aws = true", "Somebody disabled or changed it in EventBridge"),
        ("job = 'gone'", "its job was removed"),
        ("in_force = version, ends_at = now()", "over It has no more times."),
        ("time_zone = 'Mars/Olympus'", "no longer valid 'Mars/Olympus' is not a time zone: write"),
    ],
)
def test_a_schedule_that_starts_nothing_says_why(
    browser: FakeBrowser, con: Connection, change: str, said: str
) -> None:
    make(con)
    con.query(f"UPDATE job_schedule SET {change}")
    assert said in row(browser.get(HOME))
    for address in (f"{HOME}/nightly", "/jobs/db-cleanup", "/dashboard/upcoming"):
        assert browser.get(address).status == 200


def test_changes_need_the_role_of_the_job(browser: FakeBrowser, con: Connection) -> None:
    make(con, "mail", job="send-test-mail", expression="rate(1 day)")
    browser.sign_in(Role.OPERATOR)
    page = browser.get(f"{HOME}/mail")
    assert page.status == 200 and "data-schedule" not in page.text and "every day" in page.text.lower()
    for action in ("pause", "resume", "run", "delete"):
        assert browser.post(f"{HOME}/mail/{action}", {"sure": "yes"}).status == 403
    typed = GOOD | {"schedule-name": "mail"}
    assert browser.post(f"{HOME}/mail", typed).status == 403
    assert browser.post(HOME, GOOD | {"schedule-job": "send-test-mail"}).status == 403
    assert store.get(con, "mail").enabled


def test_a_long_list_is_searched_and_paged(browser: FakeBrowser, con: Connection) -> None:
    for number in range(52):
        make(con, f"n{number:02}")
    page = browser.get(HOME)
    assert page.text.count('<tr id="made-') == 50
    (following,) = re.findall(r'rel="next" href="([^"]*)"', page.text)
    assert re.findall(r'<tr id="made-(\w+)"', browser.get(unescape(following)).text) == ["n50", "n51"]
    assert re.findall(r'<tr id="made-(\w+)"', browser.get(f"{HOME}?q=N3").text) == [
        f"n3{n}" for n in range(10)
    ]


def test_the_page_of_the_job_and_upcoming_know_it(browser: FakeBrowser, con: Connection) -> None:
    make(con)
    in_force(con)
    assert "Every day at 07:00 Europe/Berlin" in row(browser.get("/jobs/db-cleanup"))
    page = browser.get("/dashboard/upcoming")
    assert "Scheduled by nightly : every day at 07:00 Europe/Berlin" in visible_text(page)
    assert f'href="{HOME}/nightly">nightly</a>' in page.text


def test_a_run_is_listed_with_its_schedule(browser: FakeBrowser, con: Connection) -> None:
    make(con)
    browser.post(f"{HOME}/nightly/run")
    link = f'href="{HOME}/nightly">nightly</a>'
    for address in ("/dashboard/runs", "/jobs/db-cleanup", f"/runs/{only_run(con).id}"):
        page = browser.get(address)
        assert "with the payload of nightly" in visible_text(page) and link in page.text
    assert re.search(
        r"created \S+ Copy of db-cleanup , schedule nightly", visible_text(browser.get("/dashboard/activity"))
    )


def test_its_page_leads_to_its_runs(browser: FakeBrowser, con: Connection) -> None:
    make(con)
    browser.post(f"{HOME}/nightly/run")
    other = run_factory.make_run(con, "succeeded", job="db-cleanup")
    (address,) = re.findall('href="([^"]*)">All runs of this schedule', browser.get(f"{HOME}/nightly").text)
    page = browser.get(unescape(address))
    assert page.text.count('<tr id="run-') == 1 and other not in page.text
    assert "Schedule nightly ×" in visible_text(page)


def test_a_delayed_run_is_listed_with_its_schedule(browser: FakeBrowser, con: Connection) -> None:
    soon = con.now() + timedelta(minutes=5)
    make(con, "once", expression=f"at({soon:%Y-%m-%dT%H:%M}:00)", time_zone="UTC")
    assert re.search(r"Delayed run \S+ Copy of once", visible_text(browser.get("/dashboard/upcoming")))
    assert "Delayed by schedule once" in visible_text(browser.get("/dashboard/scheduled"))
    browser.post(f"/runs/{only_run(con).id}/run-now")
    assert "none never over It has no more times." in row(browser.get(HOME), "once")


def test_the_last_scheduled_run_is_that_of_the_rule(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    make(con)
    ended = {"finished_at": con.now() - timedelta(minutes=3)}
    occurrence = con.now() - timedelta(hours=2)
    for state, schedule in (("failed", ""), ("succeeded", "nightly")):
        fields = ended | {"schedule": schedule, "occurrence": occurrence}
        run_factory.make_run(con, state, 7200, job="db-cleanup", run_fields=fields)
    run_factory.make_run(con, "failed", job="db-cleanup", run_fields={"schedule": "nightly"})  # by Run now
    page = browser.get(HOME)
    assert "succeeded 3 min ago" in row(page)
    assert "failed 3 min ago" in row(page, "db-cleanup", kind="job")


def test_a_paused_rule_and_a_schedule_are_told_apart(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    make(con, "often", expression="cron(0/2 * * * ? *)")
    run_factory.make_run(con, "succeeded", job="db-cleanup")
    pause.pause(con, "db-cleanup", "ada", None, now=con.now())
    card = job_card(browser.get("/jobs/db-cleanup"))
    assert "Rule paused" in card and "The next run by schedule often starts" in card


def test_a_job_lists_the_schedules_that_fire_next_and_links_to_all(
    browser: FakeBrowser, con: Connection
) -> None:
    make(con, "paused", expression="cron(* * * * ? *)", enabled=False)
    for year in range(2180, 2191):
        make(con, f"in-{2400 - year}", expression=f"cron(0 7 1 1 ? {year})")
    page = browser.get("/jobs/db-cleanup")
    assert re.findall(r'<tr id="made-in-(\d+)"', page.text) == [
        f"{2400 - year}" for year in range(2180, 2190)
    ]
    assert f'<a href="{HOME}?q=db-cleanup">All 12 schedules of this job</a>' in page.text
