"""Slowmatch's records API, called by API Gateway's events as Lambda calls it."""

from functools import partial
from types import SimpleNamespace
from typing import Any

from benchmarks.peers.protocol import seconds, serve
from records_api.app import handler

CONTEXT: Any = SimpleNamespace(
    function_name="benchmark",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:benchmark",
    aws_request_id="00000000-0000-4000-8000-000000000000",
)


def answer(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = handler(event, CONTEXT)
    return found


def repeat(event: dict[str, Any], times: int) -> float:
    return seconds(partial(handler, event, CONTEXT), times)


serve({"answer": answer, "repeat": repeat})
