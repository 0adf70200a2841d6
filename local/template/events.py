"""What starts a function, as SAM's event sources and EventBridge's targets say it; intrinsics are resolved."""

from collections.abc import Iterator, Mapping
from typing import Any

from local.environment import STACK_NAME
from local.template.intrinsics import as_text
from local.template.model import QueueSource, Route, Rule, Target

Properties = Mapping[str, Any]


def of(events: Mapping[str, Properties], kind: str) -> Iterator[Properties]:
    """The properties of the events of one type."""
    return (event.get("Properties") or {} for event in events.values() if event.get("Type") == kind)


def route(event: Properties) -> Route:
    return Route(str(event.get("Method", "ANY")).upper(), str(event.get("Path", "$default")))


def queue_source(event: Properties) -> QueueSource:
    return QueueSource(
        queue_arn=str(event["Queue"]),
        batch_size=int(event.get("BatchSize", 10)),
        window=float(event.get("MaximumBatchingWindowInSeconds", 0)),
        maximum_concurrency=(event.get("ScalingConfig") or {}).get("MaximumConcurrency"),
        reports_item_failures="ReportBatchItemFailures" in event.get("FunctionResponseTypes", []),
        enabled=as_text(event.get("Enabled", True)) == "true",
    )


def schedule(name: str, event: Properties, function_arn: str) -> Rule:
    enabled = as_text(event.get("Enabled", True)) == "true" and event.get("State", "ENABLED") == "ENABLED"
    return Rule(
        logical_id=name,
        name=str(event.get("Name", f"{STACK_NAME}-{name}")),
        expression=str(event.get("Schedule") or event.get("ScheduleExpression")),
        enabled=enabled,
        targets=(Target(function_arn, event.get("Input"), None),),
    )


def target(target: Properties) -> Target:
    transformer = target.get("InputTransformer")
    if transformer is None:
        return Target(str(target["Arn"]), target.get("Input"), None)
    paths = tuple((transformer.get("InputPathsMap") or {}).items())
    return Target(str(target["Arn"]), str(transformer["InputTemplate"]), paths)
