"""The page Schedules, and the form that makes and changes a schedule."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import Schedule
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.job_pages import field_errors, job_card, only_run, set_schedule
from tests.integration.console.record_pages import visible_text

HOME = "/dashboard/schedules"
GOOD = {
    "schedule-name": "nightly",
    "schedule-job": "db-cleanup",
    "schedule-expression": "cron(0 7 * * ? *)",
    "schedule-time_zone": "Europe/Berlin",
    "schedule-enabled": "true",
    "schedule-version": "0",
    "older_than_days": "30",
}


def make(con: Connection, name: str = "nightly", **given: Any) -> Schedule:
    usual = {
        "job": "db-cleanup",
        "expression": "cron(0 7 * * ? *)",
        "time_zone": "Europe/Berlin",
        "actor": "ada",
    }
    return store.put(con, name, **(usual | given))


def in_force(con: Connection) -> None:
    con.query("UPDATE job_schedule SET in_force = version")


def row(page: Page, name: str = "nightly", kind: str = "made") -> str:
    """A schedule's row, as people read it."""
    (found,) = re.findall(rf'<tr id="{kind}-{name}">.*?</tr>', page.text, re.S)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found)))


def form_values(page: Page) -> dict[str, str]:
    """The form of the page as a browser in UTC submits it."""
    form = page.text.partition("data-schedule>")[2].partition("</form>")[0]
    inputs = re.findall(r"<input\b([^>]*)>", form, re.S)
    values = {}
    for given in inputs:
        named = dict(re.findall(r'([\w-]+)="([^"]*)"', given))
        if named.get("type") != "checkbox" or " checked" in given:
            values[named["name"]] = unescape(named.get("value", ""))
    values["schedule-job"] = re.findall(r"<option selected>(.*?)</option>", form)[0]
    return values


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


def test_one_is_made_with_its_payload(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post(HOME, GOOD)
    assert (answer.status, answer.location) == (303, f"{HOME}/nightly")
    made = store.get(con, "nightly")
    assert (made.payload, made.time_zone, made.created_by) == (
        {"older_than_days": 30},
        "Europe/Berlin",
        "kim@example.com",
    )
    page = browser.get(answer.location)
    assert "Schedule nightly was saved: db-cleanup, every day at 07:00 Europe/Berlin." in visible_text(page)
    assert re.search(r"created .* kim@example\.com .*Older than days: 30", visible_text(page))


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"schedule-name": ""}, "schedule-name", "Is required."),
        ({"schedule-name": "a b"}, "schedule-name", "1 to 64 letters, digits"),
        ({"schedule-expression": "0 7 * * *"}, "schedule-expression", "is not a schedule: write"),
        ({"schedule-expression": "at(2020-01-01T07:00:00)"}, "schedule-expression", "is in the past"),
        ({"schedule-time_zone": "Mars/Olympus"}, "schedule-time_zone", "is not a time zone: write"),
        ({"schedule-time_zone": "europe/berlin"}, "schedule-time_zone", "did you mean Europe/Berlin?"),
        (
            {"schedule-ends_at": "2020-01-01T00:00"},
            "schedule-ends_at",
            "2020-01-01 00:00 (UTC) is in the past",
        ),
        (
            {"schedule-starts_at": "2050-01-02T00:00", "schedule-ends_at": "2050-01-01T00:00"},
            "schedule-ends_at",
            "2050-01-01 00:00 (UTC) must be later than the start, which is 2050-01-02 00:00 (UTC).",
        ),
        ({"older_than_days": "many"}, "older_than_days", "must be a whole number"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_kept(
    browser: FakeBrowser, con: Connection, typed: dict[str, str], field: str, sentence: str
) -> None:
    page = browser.post(HOME, GOOD | typed)
    assert page.status == 422
    errors = {name: unescape(text) for name, text in field_errors(page).items()}
    assert list(errors) == [field]
    assert sentence.lower() in errors[field].lower()
    assert form_values(page)[field] == typed[field]
    assert store.all_schedules(con) == []


def test_a_job_that_does_not_exist_is_quoted(browser: FakeBrowser) -> None:
    page = browser.post(HOME, GOOD | {"schedule-job": "nope"})
    assert page.status == 422 and "&#39;nope&#39; is not one of the jobs" in page.text


def test_all_that_is_wrong_is_said_at_once(browser: FakeBrowser) -> None:
    wrong = {"schedule-name": "a b", "schedule-expression": "0 7 * * *", "schedule-time_zone": "Mars/Olympus"}
    page = browser.post(HOME, GOOD | wrong | {"older_than_days": "many"})
    assert field_errors(page).keys() == {*wrong, "older_than_days"}


def test_a_name_that_is_taken_is_refused(browser: FakeBrowser, con: Connection) -> None:
    browser.post(HOME, GOOD)
    page = browser.post(HOME, GOOD)
    assert page.status == 422 and "there is already a schedule" in field_errors(page)["schedule-name"].lower()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "schedule-expression=cron(30+6+%3F+*+MON-FRI+*)&schedule-time_zone=Asia/Tokyo",
            "Monday to Friday at 06:30 Asia/Tokyo",
        ),
        ("schedule-expression=cron(0+7+*+*)&schedule-time_zone=UTC", "is not a schedule: write"),
        ("schedule-expression=rate(1+hour)&schedule-time_zone=Mars", "is not a time zone"),
        (
            "schedule-expression=at(2020-01-01T00:00:00)&schedule-time_zone=UTC",
            "no time that is still to come",
        ),
        (
            "schedule-expression=rate(1+hour)&schedule-time_zone=UTC&schedule-starts_at=2027-13-01T00:00",
            "The start ",
        ),
        (
            "schedule-expression=cron(30+2+28+3+%3F+2050)&schedule-time_zone=UTC",
            "<b>On the 28th of March 2050 at 02:30 UTC</b>",
        ),
        ("", "are shown here"),
    ],
)
def test_an_expression_is_said_in_words_while_it_is_typed(
    browser: FakeBrowser, query: str, said: str
) -> None:
    page = browser.get(f"/dashboard/schedule-times?{query}")
    assert page.status == 200 and said in unescape(page.text)


def test_the_next_five_times_are_in_both_zones(browser: FakeBrowser) -> None:
    query = "schedule-expression=cron(0+7+*+*+%3F+*)&schedule-time_zone=Asia/Tokyo"
    text = browser.get(f"/dashboard/schedule-times?{query}").text
    assert len(re.findall(r", 07:00</td><td><time datetime=\"[\d-]+T22:00:00Z\"", text)) == 5


def test_another_job_has_other_fields_and_keeps_what_was_typed(browser: FakeBrowser, con: Connection) -> None:
    page = browser.post(HOME, GOOD | {"schedule-job": "record-expiry", "show": "job"})
    assert page.status == 200
    values = form_values(page)
    assert "batch_size" in values and "older_than_days" not in values
    assert values["schedule-name"] == "nightly"
    assert page.headers["HX-Push-Url"] == "/dashboard/new-schedule?job=record-expiry"
    assert store.all_schedules(con) == []


def test_one_is_changed_and_the_change_is_told_with_before_and_after(
    browser: FakeBrowser, con: Connection
) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get(f"{HOME}/nightly"))
    answer = browser.post(
        f"{HOME}/nightly", form | {"schedule-expression": "rate(2 hours)", "older_than_days": "7"}
    )
    assert answer.location == f"{HOME}/nightly"
    said = visible_text(browser.get("/dashboard/activity"))
    assert "Expression: cron(0 7 * * ? *) → rate(2 hours)" in said and "Older than days: 30 → 7" in said
    assert browser.post(f"{HOME}/nightly", form_values(browser.get(f"{HOME}/nightly"))).status == 303
    assert "There were no changes to save." in browser.get(f"{HOME}/nightly").text


def test_the_second_of_two_editors_sees_both_versions(browser: FakeBrowser, con: Connection) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get(f"{HOME}/nightly"))
    make(con, expression="rate(2 hours)", time_zone="UTC", payload={"older_than_days": 30}, actor="robin")
    page = browser.post(
        f"{HOME}/nightly", form | {"schedule-expression": "rate(5 minutes)", "older_than_days": "7"}
    )
    said = visible_text(page)
    assert page.status == 409 and 'id="live"' not in page.text
    assert "A change by robin was saved" in said
    assert "Expression rate(2 hours) rate(5 minutes)" in said
    assert "Time zone UTC you did not change it" in said and "Older than days 30 7" in said
    assert store.get(con, "nightly").expression == "rate(2 hours)"
    mine = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', page.text))
    assert (
        browser.post(f"{HOME}/nightly", {name: unescape(text) for name, text in mine.items()}).status == 303
    )
    saved = store.get(con, "nightly")
    assert (saved.expression, saved.time_zone, saved.payload) == (
        "rate(5 minutes)",
        "UTC",
        {"older_than_days": 7},
    )


def test_the_same_change_twice_is_no_conflict(browser: FakeBrowser, con: Connection) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get(f"{HOME}/nightly")) | {"schedule-expression": "rate(2 hours)"}
    browser.post(f"{HOME}/nightly", form)
    assert browser.post(f"{HOME}/nightly", form).status == 303
    assert "There were no changes to save." in browser.get(f"{HOME}/nightly").text


@pytest.mark.parametrize("was", ["[", "[" * 50_000, "5", '{"payload": 5}', '{"starts_at": 5}'])
def test_what_a_form_says_that_it_was_filled_with_is_checked(
    browser: FakeBrowser, con: Connection, was: str
) -> None:
    make(con)
    page = browser.post(f"{HOME}/nightly", GOOD | {"schedule-version": "999", "schedule-was": was})
    assert page.status == 409 and "Saved now" in page.text


def test_start_and_end_survive_a_change_of_something_else(browser: FakeBrowser, con: Connection) -> None:
    begin = datetime(2050, 1, 1, 7, 0, 30, tzinfo=UTC)
    make(con, starts_at=begin, ends_at=begin + timedelta(days=30))
    form = form_values(browser.get(f"{HOME}/nightly"))
    assert form["schedule-starts_at"] == "2050-01-01T07:00"
    browser.post(f"{HOME}/nightly", form | {"schedule-time_zone": "UTC"})
    saved = store.get(con, "nightly")
    assert (saved.time_zone, saved.starts_at, saved.ends_at) == ("UTC", begin, begin + timedelta(days=30))


def test_what_was_typed_for_a_deleted_schedule_can_be_made_again(
    browser: FakeBrowser, con: Connection
) -> None:
    make(con)
    form = form_values(browser.get(f"{HOME}/nightly"))
    store.remove(con, "nightly", actor="robin")
    page = browser.post(f"{HOME}/nightly", form | {"schedule-expression": "rate(2 hours)"})
    assert page.status == 404 and "robin deleted it" in visible_text(page)
    assert browser.post(HOME, form_values(page)).status == 303
    assert store.get(con, "nightly").expression == "rate(2 hours)"


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


def test_a_copy_needs_only_a_name(browser: FakeBrowser, con: Connection) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get("/dashboard/new-schedule?copy=nightly"))
    browser.post(HOME, form | {"schedule-name": "second"})
    first, second = store.all_schedules(con)
    assert first.choices() == second.choices()


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
