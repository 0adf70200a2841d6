"""Responses of this function: JSON, and the statuses of the domain's errors."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slowmatch.http.errors import Problem
from slowmatch.jobs import PayloadError, UnknownJob
from slowmatch.jobs.lifecycle.enqueue import KeyReused
from slowmatch.jobs.lifecycle.pause import NoSchedule

STATUSES: dict[type[Exception], int] = {UnknownJob: 404, KeyReused: 409, NoSchedule: 409}


def answer(status: int, value: Any, **headers: str) -> Response[str]:
    """`value` is JSON text, or a value to encode as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Response(
        status, "application/json", text, {name.capitalize(): text for name, text in headers.items()}
    )


def bad_payload(error: PayloadError) -> Problem:
    field = "payload" if error.field == "payload" else f"payload.{error.field}"
    return Problem.invalid([{"field": field, "message": error.message}])


def documented(status: int, description: str, model: Any) -> dict[int, Any]:
    """The OpenAPI entry of a route's successful response."""
    return {status: {"description": description, "content": {"application/json": {"model": model}}}}
