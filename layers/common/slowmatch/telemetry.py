"""One logger and one set of metrics for every function: JSON lines and EMF on standard output."""

import json
import logging
import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools.logging import Logger

logger = Logger()
log: logging.Logger = logging.getLogger(logger.service)
"""The standard library's logger behind `logger`: what a handler is given."""
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def with_context(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Log lines name the invocation that they are from, as by Powertools' `inject_lambda_context`.

    That sets every key anew each time; after the first time only these two are others.
    """
    warm = False

    @logger.inject_lambda_context(clear_state=True)
    def begin(_event: Any, _context: Any) -> None:
        """The first time: all keys."""

    @wraps(handler)
    def handle(event: Any, context: Any) -> Any:
        nonlocal warm
        if warm:
            logger.append_keys(cold_start=False, function_request_id=context.aws_request_id)
        else:
            begin(event, context)
            warm = True
        return handler(event, context)

    return handle


def count(name: str, value: float = 1, **dimensions: str) -> None:
    """Emit one count metric at once, with its dimensions (CloudWatch reads it out of the log line)."""
    _emit(name, "Count", value, dimensions)


def duration(name: str, milliseconds: float, **dimensions: str) -> None:
    """Emit one duration metric at once, in milliseconds."""
    _emit(name, "Milliseconds", milliseconds, dimensions)


def _emit(name: str, unit: str, value: float, dimensions: dict[str, str]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

    Powertools' Metrics collects many metrics into one line; for one metric a line it takes three times as long.
    """
    named = {**dimensions, "service": logger.service}
    directive = {
        "Namespace": os.environ["POWERTOOLS_METRICS_NAMESPACE"],
        "Dimensions": [list(named)],
        "Metrics": [{"Name": name, "Unit": unit}],
    }
    about = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]}
    print(_ENCODER.encode({"_aws": about, **named, name: value}))  # noqa: T201
