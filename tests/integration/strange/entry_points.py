"""The functions' entry points, and what strange input must not cause there: a crash, or access."""

import json
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import dispatcher.app
import migrate.app
import notifier.app
from slowmatch.db import Connection
from slowmatch.http import request
from slowmatch.jobs import PayloadError, catalog
from slowmatch.jobs.worker import events
from slowmatch.jobs.worker.invocation import AttemptFailed

Handler = Callable[[Any, Any], Any]

JOBS: dict[str, Handler] = {
    job: import_module(f"{job.replace('-', '_')}.app").handler for job in catalog.JOBS
}
BACKGROUND_FUNCTIONS: dict[str, Handler] = {
    "notifier": notifier.app.handler,
    "dispatcher": dispatcher.app.handler,
    "migrate": migrate.app.handler,
}
REFUSALS = (
    events.EventError,
    events.MessageError,
    PayloadError,
    AttemptFailed,
    migrate.app.EventError,
    request.EventError,
)
"""What a function raises for an event that it does not accept."""


def invoke(handler: Handler, event: Any, lambda_context: Any) -> Any:
    """The response as Lambda sends it; None if the function refused the event. Any other exception is a crash."""
    try:
        return json.loads(json.dumps(handler(event, lambda_context)))
    except REFUSALS:
        return None


def runs(con: Connection) -> list[Any]:
    return con.query("SELECT job, trigger, occurrence, attempt FROM job_run ORDER BY id")


def crashes(con: Connection) -> list[Any]:
    """Errors of handlers in accepted events, except that the mail server cannot be reached."""
    return con.query(
        """
        SELECT job, error_type, error_message FROM job_attempt JOIN job_run ON id = run_id
        WHERE outcome = 'failed' AND error_type <> 'Undelivered'
        """
    )


def may_start(job: str, event: Any) -> bool:
    """Whether `event` may start a run of `job`, by the rules in the README."""
    if event in ({}, None):
        return True
    if not isinstance(event, dict):
        return False
    if "Records" in event:
        records = event["Records"] if isinstance(event["Records"], list) else []
        return any(_is_scheduled_message(job, record) for record in records)
    return event.keys() == {"payload"} or (
        event.get("source") == "aws.events" and _is_time(event.get("time"))
    )


def _is_scheduled_message(job: str, record: Any) -> bool:
    try:
        body = json.loads(record["body"])
        return body.keys() == {"job", "occurrence"} and body["job"] == job and _is_time(body["occurrence"])
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        return False


def _is_time(text: Any) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (TypeError, ValueError):
        return False


def check_response(answer: Any, event: Any) -> None:
    """Assert that a response is no server error, can be sent, and redirects to no other site."""
    if answer is None:
        return
    health = answer["statusCode"] == 503 and event["rawPath"] == "/api/health"
    assert answer["statusCode"] < 500 or health, answer
    (answer.get("body") or "").encode()
    headers = {**answer.get("headers", {}), "cookies": ";".join(answer.get("cookies") or [])}
    for value in headers.values():
        assert "\r" not in str(value) and "\n" not in str(value), "no injected header"
    location = urlsplit(str(answer.get("headers", {}).get("Location", "")))
    assert "evil" not in location.netloc and not location.path.startswith("//"), "no redirect to another site"
