"""The samples under events/: one for every function and every way it is started, and for every route of the code."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from migrate.app import SWITCHES
from slowmatch.http.auth.authentication import is_local
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.worker.events import (
    OccurrenceDue,
    RestartRun,
    RunDue,
    ScheduleDue,
    StartRun,
    parse,
    parse_body,
)
from tests.sam import routes, template
from tests.sam.template import ROOT

EVENTS = ROOT / "events"
APIS = sorted(template.folder(function) for function in template.api_functions())
JOBS_OF = {template.folder(function): job for function, job in template.job_functions().items()}
JOB_FOLDERS = sorted(JOBS_OF)
SHAPES = {"sqs-occurrence", "sqs-run", "direct-empty", "direct-payload", "direct-run", "scheduled"}


def test_every_function_has_a_folder_of_samples() -> None:
    folders = {path.name for path in EVENTS.iterdir()}
    assert folders == {template.folder(function) for function in template.functions()}


@pytest.mark.parametrize("folder", APIS)
def test_every_route_of_the_code_has_a_sample(folder: str) -> None:
    requests = [event["requestContext"]["http"] for event in _samples(folder).values()]
    sampled = {routes.answering(folder, http["method"], http["path"]) for http in requests}
    missing = sorted(map(str, routes.of_code(folder).keys() - sampled))
    assert missing == [], f"add a sample to events/{folder} for each"


@pytest.mark.parametrize(
    "path", sorted(path for folder in APIS for path in (EVENTS / folder).iterdir()), ids=str
)
def test_a_request_looks_as_api_gateway_sends_it(path: Path) -> None:
    event = _read(path)
    context, http = event["requestContext"], event["requestContext"]["http"]
    match = routes.leading(http["method"], http["path"])
    assert match is not None
    assert match.function.label == path.parent.name
    assert event["version"] == "2.0"
    assert event["rawPath"] == http["path"]
    assert event["routeKey"] == context["routeKey"] == match.route.key
    assert event.get("pathParameters", {}) == match.parameters
    if "body" in event:
        assert event["headers"]["content-length"] == str(len(event["body"].encode()))
        assert _content(event)


@pytest.mark.parametrize("folder", APIS)
def test_sam_local_lets_a_sample_request_in_without_a_sign_in(folder: str) -> None:
    assert all(is_local(event) for event in _samples(folder).values())


@pytest.mark.parametrize("folder", JOB_FOLDERS)
def test_a_job_has_a_sample_of_every_shape(folder: str) -> None:
    assert set(_samples(folder)) == SHAPES, "`make job` writes them; compare another job's in events/"


@pytest.mark.parametrize("folder", JOB_FOLDERS)
def test_the_queue_samples_are_an_occurrence_and_a_run_message(folder: str) -> None:
    samples = _samples(folder)
    scheduled, run = (_content_of(samples[name]) for name in ("sqs-occurrence", "sqs-run"))
    assert isinstance(scheduled, OccurrenceDue) and scheduled.job == JOBS_OF[folder]
    assert isinstance(run, RunDue)
    for name in ("sqs-occurrence", "sqs-run"):
        assert _only_record(samples[name])["eventSourceARN"].endswith(f":slowmatch-{JOBS_OF[folder]}")


@pytest.mark.parametrize("folder", JOB_FOLDERS)
def test_a_job_s_direct_invocations_are_accepted(folder: str) -> None:
    samples = _samples(folder)
    assert parse(samples["direct-empty"]) == StartRun({})
    assert isinstance(parse(samples["direct-run"]), RestartRun)
    scheduled, with_payload = parse(samples["scheduled"]), parse(samples["direct-payload"])
    assert isinstance(scheduled, StartRun) and scheduled.payload == {} and scheduled.occurrence
    assert isinstance(with_payload, StartRun)
    assert JOBS[JOBS_OF[folder]].check(with_payload.payload) == with_payload.payload


def test_the_dispatcher_has_a_sample_of_every_shape() -> None:
    assert set(_samples("dispatcher")) == {"scheduled", "direct", "resend", "schedules"}


def test_the_migrations_have_a_sample_for_each_switch() -> None:
    samples = [event.get("payload", {}) for event in _samples("migrate").values()]
    assert sorted(samples, key=str) == sorted([{}, *({switch: True} for switch in SWITCHES)], key=str)


def _content(event: Any) -> Any:
    """The API's JSON, the fields of the console's form, or the lines of a file."""
    if event["headers"]["content-type"] == "application/json":
        return isinstance(json.loads(event["body"]), dict)
    if event["headers"]["content-type"] == "text/csv":
        return "\r\n" in event["body"]
    assert event["headers"]["content-type"] == "application/x-www-form-urlencoded"
    return parse_qs(event["body"], strict_parsing=True)


def _samples(folder: str) -> dict[str, Any]:
    return {path.stem: _read(path) for path in (EVENTS / folder).glob("*.json")}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _content_of(event: Any) -> RunDue | OccurrenceDue | ScheduleDue:
    found = parse(event)
    assert isinstance(found, list) and len(found) == 1
    return parse_body(found[0].body)


def _only_record(event: Any) -> Any:
    (record,) = event["Records"]
    assert record["eventSource"] == "aws:sqs"
    return record
