"""Where strange input can enter, and what must never follow: a crash, or unauthorized access."""

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

JOB_HANDLERS: dict[str, Handler] = {
    job: import_module(f"{job.replace('-', '_')}.app").handler for job in catalog.JOBS
}
SYSTEM_HANDLERS: dict[str, Handler] = {
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
"""How functions refuse an event."""


def invoke(handler: Handler, event: Any, lambda_context: Any) -> Any:
    """The answer as Lambda sends it; None for a refusal. Any other exception is a crash."""
    try:
        return json.loads(json.dumps(handler(event, lambda_context)))
    except REFUSALS:
        return None


def runs(con: Connection) -> list[Any]:
    return con.query("SELECT job, trigger, occurrence, attempt FROM job_run ORDER BY id")


def crashes(con: Connection) -> list[Any]:
    """What handlers raised for accepted events; a missing mail server is expected."""
    return con.query(
        """
        SELECT job, error_type, error_message FROM job_attempt JOIN job_run ON id = run_id
        WHERE outcome = 'failed' AND error_type <> 'Undelivered'
        """
    )


def may_start(job: str, event: Any) -> bool:
    """Whether `job` may start a run for `event`, by the rules in docs/operations.md."""
    if event in ({}, None):
        return True
    if not isinstance(event, dict):
        return False
    if "Records" in event:
        records = event["Records"] if isinstance(event["Records"], list) else []
        return any(_is_occurrence(job, record) for record in records)
    return event.keys() == {"payload"} or (
        event.get("source") == "aws.events" and _is_time(event.get("time"))
    )


def _is_occurrence(job: str, record: Any) -> bool:
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


def check_answer(answer: Any, event: Any) -> None:
    """Assert that an HTTP answer is no server error, can be encoded, and redirects to no other site."""
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
