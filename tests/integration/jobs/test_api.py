"""The HTTP API of jobs and runs."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from jobs_api import answers
from slowmatch.db import Connection
from slowmatch.http.auth.roles import LOCAL_USER
from slowmatch.jobs import enqueue
from slowmatch.jobs.dispatcher import rollup, schedules
from slowmatch.jobs.model import Run, RunDetails
from slowmatch.jobs.schedules.history import RuleState
from tests.integration.jobs.conftest import Call, Queues, Work
from tests.support.runs import put_runs

YOU = LOCAL_USER.name


def test_a_job_is_run_and_the_run_names_who_did_it(call: Call, queues: Queues) -> None:
    status, run = call("POST", "/api/jobs/record-expiry/runs", {"payload": {"batch_size": 10}})
    assert (status, run["state"], run["triggered_by"]) == (202, "enqueued", YOU)
    assert queues.take() == [{"run_id": run["id"], "attempt": 1}]
    status, details = call("GET", f"/api/runs/{run['id']}")
    assert status == 200 and details["events"][0]["actor"] == YOU and details["attempts"] == []


def test_a_delayed_run_is_scheduled(call: Call, queues: Queues) -> None:
    status, run = call("POST", "/api/jobs/record-expiry/runs", {"delay_seconds": 60})
    assert (status, run["state"]) == (202, "scheduled") and queues.delayed() == 1
    call("POST", "/api/jobs/record-expiry/runs", {"delay_seconds": 3600})
    assert queues.delayed() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"payload": {"no": 1}}, "payload.no"),
        ({"payload": {"batch_size": "5"}}, "payload.batch_size"),
        ({"payload": []}, "payload"),
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"delay_seconds": 40_000_000}, "delay_seconds"),
        ({"due_at": "2020-01-01T00:00:00Z"}, "due_at"),
        ({"due_at": "2999-01-01T00:00:00Z"}, "due_at"),
        ({"due_at": "2026-12-31T00:00:00"}, "due_at"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_trigger_names_the_field_and_makes_no_run(
    call: Call, work: Work, body: Any, field: str
) -> None:
    status, problem = call("POST", "/api/jobs/record-expiry/runs", body)
    assert status == 422 and problem["errors"][0]["field"] == field
    assert work.runs() == []


def test_delay_and_due_time_together_are_refused(call: Call) -> None:
    both = {"delay_seconds": 1, "due_at": "2026-12-31T00:00:00Z"}
    status, problem = call("POST", "/api/jobs/record-expiry/runs", both)
    assert status == 422 and "both delay_seconds and due_at" in problem["detail"]


def test_an_idempotency_key_makes_one_run_and_refuses_another_body(call: Call, work: Work) -> None:
    path = "/api/jobs/record-expiry/runs"
    first, again = (call("POST", path, {}, idempotency_key="k") for _ in range(2))
    assert first[0] == again[0] == 202 and first[1]["id"] == again[1]["id"] == work.run().id
    status, problem = call("POST", path, {"delay_seconds": 5}, idempotency_key="k")
    assert status == 409 and work.run().id in problem["detail"]


@pytest.mark.parametrize("length", [0, 201])
def test_an_empty_or_long_key_makes_no_run(call: Call, work: Work, length: int) -> None:
    path = "/api/jobs/db-cleanup/runs"
    status, problem = call("POST", path, {}, idempotency_key="k" * length)
    assert (status, problem["errors"]) == (
        422,
        [{"field": "Idempotency-Key", "message": "must have 1 to 200 characters"}],
    )
    assert work.runs() == []
    assert call("POST", path, {}, idempotency_key="k" * 200)[0] == 202


def test_unknown_things_are_not_found(call: Call) -> None:
    assert call("POST", "/api/jobs/nothing/runs", {})[0] == 404
    assert call("GET", "/api/jobs/nothing")[0] == 404
    assert call("GET", "/api/runs/0190a7e0-0000-7000-8000-000000000000")[0] == 404
    assert call("GET", "/api/runs/x")[0] == 422


def test_actions_in_the_wrong_state_are_conflicts(call: Call, work: Work) -> None:
    work.start_occurrence()
    run = work.run()
    status, problem = call("POST", f"/api/runs/{run.id}/delete")
    assert status == 409 and "is succeeded" in problem["detail"]
    assert call("POST", f"/api/runs/{run.id}/requeue")[1]["state"] == "enqueued"
    assert call("POST", f"/api/runs/{run.id}/requeue")[0] == 409
    assert call("POST", f"/api/runs/{run.id}/delete")[1]["state"] == "deleted"


def test_run_now_brings_a_scheduled_run_forward(call: Call, con: Connection, queues: Queues) -> None:
    run_id = enqueue(con, "record-expiry", due_at=con.now() + timedelta(days=1)).run_id
    assert call("POST", f"/api/runs/{run_id}/run-now")[1]["state"] == "enqueued"
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]


def test_lists_are_filtered_and_paged(call: Call, con: Connection) -> None:
    made = [enqueue(con, "record-expiry", {"batch_size": n}).run_id for n in range(1, 6)]
    enqueue(con, "db-cleanup")
    query = "job=record-expiry&state=enqueued&limit=3"
    first = call("GET", "/api/runs", query=query)[1]
    second = call("GET", "/api/runs", query=f"{query}&cursor={first['next']}")[1]
    assert [run["id"] for run in first["items"] + second["items"]] == made[::-1] and second["next"] is None
    assert [run["id"] for run in call("GET", "/api/runs", query="text=batch_size")[1]["items"]] == made[::-1]
    assert call("GET", "/api/runs", query="state=none")[0] == 422
    assert call("GET", "/api/runs", query="cursor=rubbish")[0] == 422


def test_bulk_actions_by_ids_and_by_filter(call: Call, con: Connection) -> None:
    made = [enqueue(con, "record-expiry").run_id for _ in range(3)]
    done = call("POST", "/api/runs/delete", {"ids": made[:1]})[1]
    assert done == {"changed": made[:1], "after": None}
    done = call("POST", "/api/runs/delete", {"filter": {"job": "record-expiry"}})[1]
    assert done["changed"] == made[1:]
    assert call("POST", "/api/runs/requeue", {"filter": {"state": "deleted"}})[1]["changed"] == made
    assert call("POST", "/api/runs/requeue", {})[0] == 422
    assert call("POST", "/api/runs/requeue", {"ids": ["x"]})[0] == 422


def test_answers_have_the_shape_that_the_document_gives_them(
    call: Call, work: Work, con: Connection, later: Any
) -> None:
    work.handler = lambda context: context.logger.info("hello")
    work.start_occurrence("2026-11-24T01:00:00Z")
    first = work.run().id
    work.handler = lambda context: 1 / 0
    work.start_occurrence("2026-11-24T02:00:00Z")
    call("POST", "/api/jobs/record-expiry/pause", {"note": "audit"})
    rollup.roll_up(con, later(hours=1))
    received: list[tuple[type[Any], Any]] = [
        (answers.JobList, call("GET", "/api/jobs")[1]),
        (answers.Job, call("GET", "/api/jobs/record-expiry")[1]),
        (answers.FailureList, call("GET", "/api/failing")[1]),
        (Run, call("POST", "/api/jobs/record-expiry/runs", {"payload": {"batch_size": 3}})[1]),
        (answers.RunPage, call("GET", "/api/runs")[1]),
        *((RunDetails, call("GET", f"/api/runs/{run.id}")[1]) for run in work.runs()),
        (answers.AttemptPage, call("GET", f"/api/runs/{first}/attempts")[1]),
        (answers.EventPage, call("GET", f"/api/runs/{first}/events")[1]),
        (answers.LogPage, call("GET", f"/api/runs/{first}/log")[1]),
        (answers.TextPage, call("GET", f"/api/runs/{first}/json/payload")[1]),
        (answers.Stats, call("GET", "/api/stats")[1]),
        (answers.Health, call("GET", "/api/health")[1]),
    ]
    for model, told in received:
        type_ = TypeAdapter(model)
        documented = type_.dump_python(type_.validate_python(told), mode="json", exclude_unset=True)
        assert outline(documented) == outline(told)
    assert received[-2][1]["hours"] and received[1][1]["recent"]
    (failure,) = received[2][1]["items"]
    assert (failure["job"], failure["error"]) == ("record-expiry", "ZeroDivisionError: division by zero")
    assert (failure["retrying"], failure["failed"], failure["acknowledged"]) == (1, 0, None)


def outline(value: Any) -> Any:
    """The names in it, without the values."""
    if isinstance(value, dict):
        return {name: outline(each) for name, each in value.items()}
    return [outline(each) for each in value] if isinstance(value, list) else None


def test_pause_and_resume_say_who_and_why(call: Call) -> None:
    assert call("POST", "/api/jobs/db-cleanup/pause", {"note": "audit"})[1]["paused"]["by"] == YOU
    assert call("POST", "/api/jobs/db-cleanup/resume")[1]["paused"] is None


def test_a_job_that_people_start_has_no_schedule_to_pause(call: Call, con: Connection) -> None:
    schedules.store(con, "send-test-mail", RuleState(None, False, con.now(), con.now()))
    status, problem = call("POST", "/api/jobs/send-test-mail/pause", {})
    assert (status, problem["detail"]) == (409, "send-test-mail has no schedule that could be paused")
    assert con.query("SELECT FROM schedule_event") == []


def test_runs_of_a_removed_job_are_listed_and_deleted(call: Call, con: Connection) -> None:
    put_runs(con, "old-job", 3)
    put_runs(con, "db-cleanup")
    items = call("GET", "/api/runs", query="job=old-job")[1]["items"]
    status, run = call("POST", f"/api/runs/{items[0]['id']}/delete")
    assert (status, run["state"]) == (202, "deleted")
    status, done = call("POST", "/api/runs/delete", {"filter": {"job": "old-job"}})
    assert status == 200 and sorted(done["changed"]) == sorted(item["id"] for item in items[1:])
    assert con.query("SELECT job FROM job_run WHERE state = 'enqueued'") == [["db-cleanup"]]
