"""The form of a job with a field of every kind: inputs, defaults, errors at the field, and the payload made of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import JOBS, Addresses, Boolean, Choice, Date, Integer, Job, Number, Text, Time
from slowmatch.jobs.fields import Field, Secret
from slowmatch.jobs.queries import job_summaries
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.job_pages import find_runs, only_run

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
VALUES: dict[str, Any] = {
    "urgent": True,
    "days": 7,
    "share": 0.25,
    "title": 'A "quoted" <title>',
    "style": "long",
    "day": "2026-12-31",
    "at": "07:30",
    "to": ["a@example.com", "b@example.com"],
}
TYPED = {name: field.to_text(VALUES[name]) for name, field in KINDS.items()}
WRONG = {
    "urgent": "perhaps",
    "days": "366",
    "share": "1.5",
    "title": "x" * 41,
    "style": "tiny",
    "day": "2026-02-30",
    "at": "25:00",
    "to": "nobody",
}

Define = Callable[[dict[str, Field]], None]


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Define:
    """Defines the job `report` with these fields of its payload."""

    def define(payload: dict[str, Field]) -> None:
        monkeypatch.setitem(JOBS, "report", Job(name="report", description="Reports.", payload=payload))

    return define


def inputs(page: Page) -> dict[str, str]:
    """The tag of each input and select of the form that runs the job, by name."""
    (form,) = re.findall(r'<form [^>]*action="/jobs/report/run" class="run-form">.*?</form>', page.text, re.S)
    return {name: tag for tag, name in re.findall(r'(<(?:input|select) id="report-(\w+)"[^>]*>)', form)}


def errors(page: Page) -> dict[str, str]:
    found = re.findall(
        r'id="report-(\w+)"[^>]*aria-invalid="true".*?id="report-\1-help"><span class="field-error">(.*?)</span>',
        page.text,
        re.S,
    )
    return {name: unescape(words) for name, words in found}


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
def test_each_kind_has_its_widget(browser: FakeBrowser, define: Define, name: str, attributes: str) -> None:
    define(KINDS)
    assert attributes in inputs(browser.get("/jobs/report"))[name]


def test_defaults_are_filled_in(browser: FakeBrowser, define: Define) -> None:
    define({name: replace(field, default=VALUES[name]) for name, field in KINDS.items()})
    page = browser.get("/jobs/report")
    found = inputs(page)
    values = {name: unescape(*re.findall(r'value="(.*?)"', found[name])) for name in found if name != "style"}
    assert values == {name: typed for name, typed in TYPED.items() if name != "style"}
    assert "checked" in found["urgent"] and "<option selected>long</option>" in page.text


@pytest.mark.parametrize(
    ("form", "payload"), [(TYPED | {"urgent": ["false", "true"]}, VALUES), (dict.fromkeys(KINDS, ""), {})]
)
def test_what_is_typed_becomes_json_and_empty_fields_are_left_out(
    browser: FakeBrowser, con: Connection, define: Define, form: dict[str, Any], payload: dict[str, Any]
) -> None:
    define(KINDS)
    assert browser.post("/jobs/report/run", form).status == 303
    assert only_run(con).payload == payload


@pytest.mark.parametrize("field", [Boolean("x", default=True), Boolean("x", required=True)])
def test_an_unchecked_box_sends_false(
    browser: FakeBrowser, con: Connection, define: Define, field: Field
) -> None:
    define({"urgent": field})
    assert '<input type="hidden" name="urgent" value="false">' in browser.get("/jobs/report").text
    browser.post("/jobs/report/run", {"urgent": "false"})
    assert only_run(con).payload == {"urgent": False}


def test_each_error_stands_at_its_field_and_keeps_what_was_typed(
    browser: FakeBrowser, con: Connection, define: Define
) -> None:
    define(KINDS)
    for name, typed in WRONG.items():
        form = TYPED | {name: typed}
        page = browser.post("/jobs/report/run", form)
        problem = KINDS[name].problem(KINDS[name].from_text(typed)) or ""
        assert (page.status, errors(page)) == (422, {name: f"{problem[:1].upper()}{problem[1:]}."})
        kept = inputs(page)
        assert all(f'value="{form[other]}"' in kept[other] for other in ("days", "day", "at"))
    assert find_runs(con) == []


def test_missing_required_fields_are_named(browser: FakeBrowser, con: Connection, define: Define) -> None:
    define({name: replace(field, required=True) for name, field in KINDS.items()})
    page = browser.post("/jobs/report/run")
    assert errors(page) == dict.fromkeys(KINDS, "Is required.")
    assert find_runs(con) == []


def test_job_with_a_required_field_is_started_by_its_form_alone(browser: FakeBrowser, define: Define) -> None:
    define({"title": Text("what stands above it", required=True)})
    assert '<a class="button primary" href="/jobs/report">' in browser.get("/jobs").text
    assert "required" in inputs(browser.get("/jobs/report"))["title"]


@pytest.mark.parametrize("name", ["due", "due_at", "back", "note", "delay_minutes"])
def test_payload_may_use_the_names_of_the_form(
    browser: FakeBrowser, con: Connection, define: Define, name: str
) -> None:
    define({name: Text("x")})
    assert browser.post("/jobs/report/run", {name: "5"}).status == 303
    assert only_run(con).payload == {name: "5"}


def test_api_describes_every_field(con: Connection, define: Define) -> None:
    define({name: replace(field, default=VALUES[name]) for name, field in KINDS.items()})
    fields = job_summaries.summary_of(con, "report", con.now()).to_json()["fields"]
    assert fields["days"] == {
        "type": "integer",
        "description": "how many days to look ahead",
        "default": 7,
        "required": False,
        "bounds": {"minimum": 1, "maximum": 365},
    }
    assert {name: field["default"] for name, field in fields.items()} == VALUES
