"""One logger and one set of metrics for every function: JSON lines and EMF on standard output."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger()
log: logging.Logger = logging.getLogger(logger.service)
"""The standard library's logger behind `logger`: what a handler is given."""
metrics = Metrics()


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
    _emit(name, MetricUnit.Count, value, dimensions)


def duration(name: str, milliseconds: float, **dimensions: str) -> None:
    """Emit one duration metric at once, in milliseconds."""
    _emit(name, MetricUnit.Milliseconds, milliseconds, dimensions)


def _emit(name: str, unit: MetricUnit, value: float, dimensions: dict[str, str]) -> None:
    for dimension, text in dimensions.items():
        metrics.add_dimension(dimension, text)
    metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
