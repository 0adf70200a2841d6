"""What the API refuses before it asks the jobs."""

import json
from typing import Any

import pytest

from jobs_api.app import handler
from slowmatch.db import Connection
from slowmatch.jobs.dispatcher import schedules
from slowmatch.jobs.dispatcher.schedules import RuleState
from tests.conftest import LambdaContext, request_context


@pytest.fixture
def post(con: Connection, lambda_context: LambdaContext) -> Any:
    def post(path: str, **headers: str) -> tuple[int, Any]:
        event = {
            "rawPath": path,
            "headers": {"content-type": "application/json", **headers},
            "requestContext": request_context("POST", path),
            "body": "{}",
        }
        answer = handler(event, lambda_context)
        return answer["statusCode"], json.loads(answer["body"])

    return post


@pytest.mark.parametrize("length", [0, 201])
def test_a_key_without_a_letter_or_with_too_many_makes_no_run(
    post: Any, con: Connection, length: int
) -> None:
    status, problem = post("/api/jobs/db-cleanup/runs", **{"idempotency-key": "k" * length})
    assert (status, problem["errors"]) == (
        422,
        [{"field": "Idempotency-Key", "message": "must have 1 to 200 characters"}],
    )
    assert con.query("SELECT count(*) FROM job_run") == [[0]]
    assert post("/api/jobs/db-cleanup/runs", **{"idempotency-key": "k" * 200})[0] == 202


def test_a_job_that_people_start_has_no_schedule_to_pause(post: Any, con: Connection) -> None:
    schedules.store(con, "send-test-mail", RuleState(None, False, con.now(), con.now()))
    status, problem = post("/api/jobs/send-test-mail/pause")
    assert (status, problem["detail"]) == (409, "send-test-mail has no schedule that could be paused")
    assert con.query("SELECT count(*) FROM schedule_event") == [[0]]
