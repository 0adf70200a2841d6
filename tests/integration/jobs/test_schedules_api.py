"""The HTTP API of schedules made at run time."""

from collections.abc import Callable
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import LOCAL_USER
from slowmatch.jobs.schedules import store
from tests.integration.jobs.conftest import Call, Queues

PATH = "/api/schedules/every-morning"
WANTED = {"job": "record-expiry", "expression": "cron(0 7 * * ? *)", "time_zone": "Europe/Berlin"}
Etag = Callable[[], str]


@pytest.fixture
def etag(con: Connection) -> Etag:
    """The ETag of the schedule as it is now."""
    return lambda: f'"{store.get(con, "every-morning").version}"'


def test_null_is_as_good_as_nothing(call: Call) -> None:
    _, made = call("PUT", PATH, {"job": "record-expiry", "expression": "cron(0 7 * * ? *)"})
    nothing = dict.fromkeys(("time_zone", "starts_at", "ends_at", "enabled"))
    assert call("PUT", PATH, WANTED | nothing) == (200, made) and made["time_zone"] == "UTC"


def test_a_schedule_is_made_once_and_changed(call: Call) -> None:
    status, made = call("PUT", PATH, WANTED)
    assert (status, made["words"], made["created_by"]) == (
        201,
        "every day at 07:00 Europe/Berlin",
        LOCAL_USER.name,
    )
    assert call("PUT", PATH, WANTED) == (200, made)
    status, changed = call("PUT", PATH, WANTED | {"payload": {"batch_size": 5}})
    assert (status, changed["payload"]) == (200, {"batch_size": 5}) and changed["version"] > made["version"]
    assert call("GET", PATH) == (200, changed)


def test_the_next_five_times_are_in_its_zone(call: Call) -> None:
    _, made = call("PUT", PATH, WANTED)
    assert len(made["next"]) == 5
    assert all("T07:00:00+0" in at for at in made["next"])


@pytest.mark.parametrize("expression", ["rate(900000 days)", "rate(9999999 days)", "cron(0 0 1 1 ? 2199)"])
def test_the_list_ends_with_the_calendar(call: Call, con: Connection, expression: str) -> None:
    call("PUT", PATH, WANTED)
    con.query(
        "UPDATE job_schedule SET expression = :expression, starts_at = '9999-12-31T23:59:00Z'",
        expression=expression,
    )
    for path in ("/api/schedules", PATH):
        assert call("GET", path)[0] == 200
    con.query("UPDATE job_schedule SET starts_at = NULL")
    assert len(call("GET", PATH)[1]["next"]) < 5


def test_a_schedule_whose_zone_is_gone_is_listed_with_the_error(call: Call, con: Connection) -> None:
    call("PUT", PATH, WANTED)
    con.query("UPDATE job_schedule SET time_zone = 'Mars/Olympus'")
    status, answer = call("GET", "/api/schedules")
    (shown,) = answer["items"]
    assert (status, shown["next"], shown["words"]) == (200, [], "cron(0 7 * * ? *) Mars/Olympus")
    assert "'Mars/Olympus' is not a time zone" in shown["sync_error"]
    for step in ("pause", "resume"):
        assert call("POST", f"{PATH}/{step}", {})[0] == 200
    assert store.remove(con, "every-morning")


def test_the_times_of_a_rate_are_estimated(call: Call) -> None:
    assert call("PUT", PATH, WANTED | {"expression": "rate(1 day)"})[1]["estimated"]
    assert not call("PUT", PATH, WANTED)[1]["estimated"]


def test_the_list_leaves_payloads_out(call: Call) -> None:
    call("PUT", PATH, WANTED)
    call("PUT", "/api/schedules/another", WANTED | {"job": "db-cleanup"})
    _, answer = call("GET", "/api/schedules")
    assert [each["name"] for each in answer["items"]] == ["another", "every-morning"]
    assert all("payload" not in each for each in answer["items"])


def test_who_read_an_outdated_version_changes_nothing(call: Call, etag: Etag) -> None:
    call("PUT", PATH, WANTED)
    outdated = etag()
    eight = WANTED | {"expression": "cron(0 8 * * ? *)"}
    call("PUT", PATH, eight, if_match=outdated)
    later = WANTED | {"expression": "cron(0 9 * * ? *)"}
    for status, problem in (
        call("PUT", PATH, later, if_match=outdated),
        call("DELETE", PATH, if_match=outdated),
        call("POST", f"{PATH}/pause", if_match=outdated),
        call("PUT", PATH, later, if_none_match="*"),
        call("PUT", PATH, eight, if_match=outdated),
        call("PUT", PATH, eight, if_none_match="*"),
        call("PUT", "/api/schedules/not-every-morning", later, if_match="*"),
    ):
        assert status == 412 and "every-morning" in problem["detail"]
    assert call("PUT", PATH, later, if_match=f'"1", {etag()}')[0] == 200
    assert call("PUT", PATH, eight, if_match="*")[0] == 200


def test_pause_and_resume_do_nothing_twice(call: Call, etag: Etag) -> None:
    call("PUT", PATH, WANTED)
    _, paused = call("POST", f"{PATH}/pause")
    assert not paused["enabled"] and paused["next"] == []
    assert call("POST", f"{PATH}/pause") == (200, paused)
    assert call("POST", f"{PATH}/resume", if_match=etag())[1]["enabled"]


@pytest.mark.parametrize(
    ("step", "body", "field"),
    [("pause", {"note": "audit"}, "note"), ("resume", {"at": 1}, "at"), ("run", {"payload": {}}, "payload")],
)
def test_a_body_that_would_be_ignored_is_refused(
    call: Call, step: str, body: dict[str, Any], field: str
) -> None:
    call("PUT", PATH, WANTED)
    status, problem = call("POST", f"{PATH}/{step}", body)
    assert (status, problem["errors"]) == (422, [{"field": field, "message": "is not a known field"}])
    assert call("POST", f"{PATH}/{step}", {})[0] < 300


@pytest.mark.parametrize("end", ["\n", "\t", "\r\n", "\n\n"])
def test_a_path_ends_with_its_name(call: Call, end: str) -> None:
    call("PUT", PATH, WANTED)
    assert call("DELETE", f"{PATH}{end}")[0] == 404 and call("GET", PATH)[0] == 200


def test_a_schedule_is_run_now(call: Call, queues: Queues) -> None:
    call("PUT", PATH, WANTED | {"payload": {"batch_size": 5}})
    status, run = call("POST", f"{PATH}/run")
    assert (status, run["schedule"], run["payload"]) == (202, "every-morning", {"batch_size": 5})
    assert queues.take() == [{"run_id": run["id"], "attempt": 1}]


def test_its_runs_are_listed_and_changed_together(call: Call) -> None:
    call("PUT", PATH, WANTED)
    _, run = call("POST", f"{PATH}/run")
    call("POST", "/api/jobs/record-expiry/runs", {})
    _, found = call("GET", "/api/runs", query="schedule=every-morning")
    assert [each["id"] for each in found["items"]] == [run["id"]]
    wanted = {"schedule": "every-morning"}
    assert call("POST", "/api/runs/delete", {"filter": wanted})[1]["changed"] == [run["id"]]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"job": "no-job"}, "job", "'no-job' is not a job"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "is not a time zone"),
        ({"expression": "cron(0 25 * * ? *)"}, "expression", "must be between 0 and 23"),
        ({"payload": {"no": 1}}, "payload.no", "is not a field"),
        ({"payload": {"": 1}}, "payload", "has a field '', which is not a field of record-expiry"),
        ({"starts_at": "2027-01-01T00:00:00"}, "starts_at", "has no UTC offset"),
        ({"enabled": "yes"}, "enabled", "must be true or false"),
        ({"zone": "UTC"}, "zone", "is not a known field"),
    ],
)
def test_a_wrong_field_is_named(call: Call, change: dict[str, Any], field: str, message: str) -> None:
    status, problem = call("PUT", PATH, WANTED | change)
    assert (status, problem["errors"][0]["field"]) == (422, field)
    assert message in problem["errors"][0]["message"]
    assert call("GET", PATH)[0] == 404


@pytest.mark.parametrize(
    ("method", "step"), [("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/run")]
)
def test_a_schedule_that_does_not_exist_is_not_found(call: Call, method: str, step: str) -> None:
    status, problem = call(method, f"{PATH}{step}")
    assert (status, problem["detail"]) == (404, "there is no schedule 'every-morning'")
