"""The form of a job with a field of every kind: inputs, defaults, errors at the field, and the payload made of it."""

import re
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import JOBS, Addresses, Boolean, Choice, Date, Integer, Job, Number, Text, Time
from slowmatch.jobs.fields import Field, Secret
from slowmatch.jobs.queries import job_summaries
from tests.integration.console.conftest import FakeBrowser, Page

KINDS: dict[str, Field] = {
    "urgent": Boolean("whether it cannot wait"),
    "days": Integer("how many days to look ahead", 1, 365),
    "share": Number("which share to take", 0, 1),
    "title": Text("what stands above it", 40),
    "style": Choice("how long it is", ("short", "long")),
    "day": Date("which day it is about"),
    "at": Time("when it should be there"),
    "to": Addresses("who gets it"),
}
WITH_DEFAULTS: dict[str, Field] = {
    "urgent": Boolean("whether it cannot wait", default=True),
    "days": Integer("how many days to look ahead", 1, 365, default=7),
    "share": Number("which share to take", 0, 1, default=0.25),
    "title": Text("what stands above it", 40, default='A "quoted" <title>'),
    "style": Choice("how long it is", ("short", "long"), default="long"),
    "day": Date("which day it is about", default="2026-12-31"),
    "at": Time("when it should be there", default="07:30"),
    "to": Addresses("who gets it", default=["a@example.com", "b@example.com"]),
}
DEFAULTS = {name: field.default for name, field in WITH_DEFAULTS.items()}
TYPED = {
    "urgent": "true",
    "days": "30",
    "share": "0.5",
    "title": "Ünïcode",
    "style": "short",
    "day": "2026-11-24",
    "at": "18:05",
    "to": "kim@example.com; lee@example.com",
}
WRONG = {
    "urgent": ("perhaps", "Must be true or false."),
    "days": ("366", "Must be a whole number from 1 to 365."),
    "share": ("1.5", "Must be a number from 0 to 1."),
    "title": ("x" * 41, "Must be a string of 1 to 40 characters."),
    "style": ("tiny", "Must be one of short, long."),
    "day": ("2026-02-30", "Must be a date such as 2026-12-31."),
    "at": ("25:00", "Must be a time such as 07:30."),
    "to": ("nobody", "Must be a list of email addresses."),
}


def define(monkeypatch: pytest.MonkeyPatch, payload: dict[str, Field]) -> None:
    monkeypatch.setitem(JOBS, "report", Job(name="report", description="Reports.", payload=payload))


def inputs(page: Page) -> dict[str, str]:
    """The tag of each input and select of the form that runs the job, by name."""
    (form,) = re.findall(r'<form [^>]*action="/jobs/report/run" class="run-form">.*?</form>', page.text, re.S)
    tags = re.findall(r'<(?:input(?! type="hidden")|select) [^>]*name="(\w+)"[^>]*>', form)
    found = {name: re.search(rf'<(?:input|select) id="report-{name}"[^>]*>', form) for name in tags}
    return {name: tag[0] for name, tag in found.items() if tag}


def errors(page: Page) -> dict[str, str]:
    found = re.findall(
        r'id="report-(\w+)"[^>]*aria-invalid="true".*?id="report-\1-help"><span class="field-error">(.*?)</span>',
        page.text,
        re.S,
    )
    return {name: unescape(words) for name, words in found}


def payload(con: Connection) -> Any:
    ((found,),) = con.query("SELECT payload FROM job_run")
    return found


def test_every_kind_of_payload_has_a_form_field() -> None:
    kinds = {kind.kind for kind in Field.__subclasses__()} - {Secret.kind}
    assert {field.kind for field in KINDS.values()} == kinds


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("urgent", 'type="checkbox" value="true"'),
        ("days", 'type="number" value="" min="1" max="365" step="1"'),
        ("share", 'type="number" value="" min="0" max="1" step="any"'),
        ("title", 'type="text" value="" maxlength="40" autocomplete="off"'),
        ("style", 'name="style"'),
        ("day", 'type="date" value=""'),
        ("at", 'type="time" value=""'),
        ("to", 'type="text" value="" autocomplete="off"'),
    ],
)
def test_each_kind_has_its_widget(
    browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch, name: str, attributes: str
) -> None:
    define(monkeypatch, KINDS)
    assert attributes in inputs(browser.get("/jobs/report"))[name]


def test_defaults_are_filled_in(browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, WITH_DEFAULTS)
    page = browser.get("/jobs/report")
    found = inputs(page)
    values = {name: unescape(*re.findall(r'value="(.*?)"', found[name])) for name in found if name != "style"}
    assert values == {
        "urgent": "true",
        "days": "7",
        "share": "0.25",
        "title": 'A "quoted" <title>',
        "day": "2026-12-31",
        "at": "07:30",
        "to": "a@example.com, b@example.com",
    }
    assert "checked" in found["urgent"] and "<option selected>long</option>" in page.text


def test_untouched_defaults_come_out_as_they_are(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(monkeypatch, WITH_DEFAULTS)
    typed = {name: field.to_text(field.default) for name, field in WITH_DEFAULTS.items()}
    assert browser.post("/jobs/report/run", typed | {"urgent": ["false", "true"]}).status == 303
    assert payload(con) == DEFAULTS


def test_what_is_typed_becomes_json(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(monkeypatch, KINDS)
    assert browser.post("/jobs/report/run", TYPED).status == 303
    assert payload(con) == {
        "urgent": True,
        "days": 30,
        "share": 0.5,
        "title": "Ünïcode",
        "style": "short",
        "day": "2026-11-24",
        "at": "18:05",
        "to": ["kim@example.com", "lee@example.com"],
    }


def test_empty_fields_are_left_out(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(monkeypatch, KINDS)
    assert browser.post("/jobs/report/run", dict.fromkeys(KINDS, "")).status == 303
    assert payload(con) == {}


@pytest.mark.parametrize("field", [Boolean("x", default=True), Boolean("x", required=True)])
def test_an_unchecked_box_sends_false(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch, field: Field
) -> None:
    define(monkeypatch, {"urgent": field})
    assert '<input type="hidden" name="urgent" value="false">' in browser.get("/jobs/report").text
    browser.post("/jobs/report/run", {"urgent": "false"})
    assert payload(con) == {"urgent": False}


@pytest.mark.parametrize("name", list(KINDS))
def test_error_stands_at_its_field_and_keeps_what_was_typed(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    define(monkeypatch, KINDS)
    typed, words = WRONG[name]
    page = browser.post("/jobs/report/run", TYPED | {name: typed})
    assert (page.status, errors(page)) == (422, {name: words})
    kept = inputs(page)
    assert all(f'value="{TYPED[other]}"' in kept[other] for other in ("days", "day", "at") if other != name)
    assert con.query("SELECT FROM job_run") == []


def test_missing_required_fields_are_named(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(
        monkeypatch, {name: type(field)(**vars(field) | {"required": True}) for name, field in KINDS.items()}
    )
    page = browser.post("/jobs/report/run")
    assert errors(page) == dict.fromkeys(KINDS, "Is required.")
    assert con.query("SELECT FROM job_run") == []


def test_job_with_a_required_field_is_started_by_its_form_alone(
    browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(monkeypatch, {"title": Text("what stands above it", required=True)})
    page = browser.get("/jobs").text
    assert '<a class="button primary" href="/jobs/report">Run with payload</a>' in page
    form = browser.get("/jobs/report").text
    assert re.search(r'id="report-title"[^>]* required=""', form) and ">Title (required)</label>" in form


@pytest.mark.parametrize("name", ["due", "due_at", "back", "note", "delay_minutes"])
def test_payload_may_use_the_names_of_the_form(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    define(monkeypatch, {name: Text("x")})
    assert browser.post("/jobs/report/run", {name: "5"}).status == 303
    assert payload(con) == {name: "5"}


def test_api_describes_every_field(
    browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch, con: Connection
) -> None:
    define(monkeypatch, WITH_DEFAULTS)
    fields = job_summaries.summary_of(con, "report", con.now()).to_json()["fields"]
    assert fields["days"] == {
        "type": "integer",
        "description": "how many days to look ahead",
        "default": 7,
        "required": False,
        "bounds": {"minimum": 1, "maximum": 365},
    }
    assert {name: field["default"] for name, field in fields.items()} == DEFAULTS
