"""Times around a change of the clocks: what was not touched stays, what is unclear is asked about."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from slowmatch.db import Connection
from slowmatch.records import queries
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.record_pages import (
    field_message,
    field_value,
    find_record,
    form_values,
    make_record,
)


class Case(NamedTuple):
    """A local time that comes twice or never in a zone."""

    zone: str
    local: str

    @property
    def readings(self) -> list[datetime]:
        """Under the offset before the change of the clocks, and under the one after it."""
        local = datetime.fromisoformat(self.local)
        return [local.replace(tzinfo=ZoneInfo(self.zone), fold=fold) for fold in (0, 1)]

    @property
    def form(self) -> dict[str, str]:
        """What the browser in that zone sends."""
        offsets = ",".join(offset(reading) for reading in self.readings)
        return {"expiry_date": self.local, "expiry_date_offset": offsets}


TWICE = [Case("America/New_York", "2027-11-07T01:30"), Case("Australia/Lord_Howe", "2027-04-04T01:45")]
NEVER = [
    (
        Case("America/New_York", "2027-03-14T02:30"),
        ["2027-03-14 01:30 (UTC-05:00)", "2027-03-14 03:30 (UTC-04:00)"],
    ),
    (
        Case("Australia/Lord_Howe", "2027-10-03T02:15"),
        ["2027-10-03 01:45 (UTC+10:30)", "2027-10-03 02:45 (UTC+11:00)"],
    ),
]


def offset(at: datetime) -> str:
    return at.isoformat()[-6:]


def choices(page: Page, name: str = "expiry_date") -> dict[str, str]:
    """By their words, the instants that the form offers."""
    found = re.findall(rf'<input type="radio" name="{name}_at" value="([^"]+)"> ([^<]+)</label>', page.text)
    return {words: at for at, words in found}


def expiry(con: Connection, record_id: int) -> datetime:
    return datetime.fromisoformat(find_record(con, record_id)["expiry_date"])


@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize("case", TWICE)
def test_a_new_title_leaves_a_date_that_comes_twice(
    browser: FakeBrowser, con: Connection, case: Case, fold: int
) -> None:
    at = case.readings[fold].astimezone(UTC) + timedelta(seconds=7)
    record_id, _ = queries.create(con, "Passport", at, "robin")
    form = form_values(browser.get(f"/records/{record_id}")) | case.form | {"title": "Visa"}
    assert browser.post(f"/records/{record_id}", form).status == 303
    assert (find_record(con, record_id)["title"], expiry(con, record_id)) == ("Visa", at)


@pytest.mark.parametrize("case", TWICE)
def test_a_time_that_comes_twice_is_asked_about(browser: FakeBrowser, con: Connection, case: Case) -> None:
    record_id = make_record(con)
    before = find_record(con, record_id)
    form = form_values(browser.get(f"/records/{record_id}")) | case.form | {"expiry_date_at": ""}
    page = browser.post(f"/records/{record_id}", form)
    assert (page.status, find_record(con, record_id)) == (422, before)
    assert "occurs twice" in field_message(page, "expiry_date")
    assert field_value(page, "expiry_date") == case.local
    offered = choices(page)
    assert list(offered) == [f"{case.local.replace('T', ' ')} (UTC{offset(at)})" for at in case.readings]
    for words, reading in zip(offered, case.readings, strict=True):
        opened = form_values(browser.get(f"/records/{record_id}"))
        browser.post(f"/records/{record_id}", opened | case.form | {"expiry_date_at": offered[words]})
        assert expiry(con, record_id) == reading.astimezone(UTC)


@pytest.mark.parametrize(("case", "offered"), NEVER)
def test_a_time_that_does_not_exist_is_asked_about(
    browser: FakeBrowser, con: Connection, case: Case, offered: list[str]
) -> None:
    form = {"title": "Passport", **case.form, "expiry_date_at": ""}
    page = browser.post("/records", form)
    assert page.status == 422 and con.query("SELECT FROM record") == []
    assert "does not exist" in field_message(page, "expiry_date")
    found = choices(page)
    assert list(found) == offered
    for words, at in found.items():
        browser.post("/records", form | {"expiry_date_at": at})
        ((stored,),) = con.query("SELECT expiry_date FROM record ORDER BY id DESC LIMIT 1")
        local = stored.astimezone(ZoneInfo(case.zone))
        assert words == f"{local:%Y-%m-%d %H:%M} (UTC{offset(local)})"


def test_a_choice_counts_for_its_own_time_only(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    form = form_values(browser.get(f"/records/{record_id}"))
    chosen = {"expiry_date_at": "2027-10-31T00:30:00+00:00"}
    other = {"expiry_date": "2027-10-31T12:00", "expiry_date_offset": "+01:00"}
    browser.post(f"/records/{record_id}", form | other | chosen)
    assert expiry(con, record_id) == datetime(2027, 10, 31, 11, tzinfo=UTC)


def test_a_wrong_title_keeps_the_instant_of_an_untouched_date(browser: FakeBrowser, con: Connection) -> None:
    case = TWICE[0]
    record_id, _ = queries.create(con, "Passport", case.readings[1], "robin")
    form = form_values(browser.get(f"/records/{record_id}")) | case.form
    page = browser.post(f"/records/{record_id}", form | {"title": " "})
    assert page.status == 422
    browser.post(
        f"/records/{record_id}",
        form | {"title": "Visa", "expiry_date_at": field_value(page, "expiry_date_at")},
    )
    assert expiry(con, record_id) == case.readings[1].astimezone(UTC)


@pytest.mark.parametrize(
    ("local", "offsets"),
    [
        ("2027-03-28T02:30", "+01:00,Mars"),
        ("2027-03-28T02:30", ","),
        ("2027-03-28T02:30", "+25:00"),
        ("9999-12-31T23:30", "+05:00,+10:00"),
    ],
)
def test_offsets_that_no_browser_sends_are_refused(browser: FakeBrowser, local: str, offsets: str) -> None:
    form = {"title": "Passport", "expiry_date": local, "expiry_date_offset": offsets}
    page = browser.post("/records", form)
    assert page.status == 422 and field_message(page, "expiry_date") and not choices(page)


def test_the_time_of_a_run_is_asked_about(browser: FakeBrowser, con: Connection) -> None:
    day = (con.now() + timedelta(days=30)).date()
    form = {"run-at": f"{day}T02:30", "run-at_offset": "+02:00,+01:00", "run-at_at": ""}
    page = browser.post("/jobs/db-cleanup/run", form)
    assert page.status == 422 and con.query("SELECT FROM job_run") == []
    offered = choices(page, "run-at")
    assert list(offered) == [f"{day} 02:30 (UTC+02:00)", f"{day} 02:30 (UTC+01:00)"]
    browser.post("/jobs/db-cleanup/run", form | {"run-at_at": offered[f"{day} 02:30 (UTC+01:00)"]})
    ((due,),) = con.query("SELECT due_at FROM job_run")
    assert due == datetime.fromisoformat(f"{day}T01:30Z")


def test_the_times_of_a_filter_are_asked_about(browser: FakeBrowser, con: Connection) -> None:
    at = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45 in Berlin, the first time
    run_id = run_factory.make_run(con, "deleted", (con.now() - at).total_seconds())
    address = "/dashboard/deleted?from=2026-10-25T02:30&from_offset=%2B02:00,%2B01:00"
    page = browser.get(address)
    assert "02:30 occurs twice on that day" in page.text and f'id="run-{run_id}"' in page.text
    first, second = choices(page, "from").values()
    for chosen, is_found in ((first, True), (second, False)):
        page = browser.get(f"{address}&from_at={chosen.replace('+', '%2B')}")
        assert (f'id="run-{run_id}"' in page.text) == is_found
        assert f'name="from_at" value="{chosen}"' in page.text and "occurs twice" not in page.text
