"""What the dashboard and the alarms of the template look at, and what the code emits."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from local.intrinsics import Resolver
from tests.sam import template
from tests.sam.template import ROOT, of_type


class Metric(NamedTuple):
    namespace: str
    name: str
    dimensions: frozenset[str]


SEARCH = re.compile(r"SEARCH\('\{([^}]+)\} (.+?) MetricName=\"(\w+)\"', '(\w+)', \d+\)")


def resolved(part: Any, **parameters: str) -> Any:
    """Resources stand for themselves: `Database`, `HttpApiLogs.Arn`."""
    names = Resolver(
        template.written(), parameters, lambda name, attribute: ".".join(filter(None, (name, attribute)))
    )
    return names.resolve(part)


@cache
def dashboard(**parameters: str) -> dict[str, Any]:
    (properties,) = of_type("AWS::CloudWatch::Dashboard").values()
    found: dict[str, Any] = json.loads(resolved(properties["DashboardBody"], **parameters))
    return found


def widgets(kind: str = "metric", **parameters: str) -> list[dict[str, Any]]:
    found = dashboard(**parameters)["widgets"]
    return [widget["properties"] for widget in found if widget["type"] == kind]


def shown(widget: dict[str, Any]) -> Iterator[Metric]:
    for row in widget["metrics"]:
        if isinstance(row[0], dict):
            for namespace, _, name, _ in SEARCH.findall(row[0]["expression"]):
                first, *dimensions = namespace.split(",")
                yield Metric(first, name, frozenset(dimensions))
        else:
            names = [part for part in row if isinstance(part, str)]
            yield Metric(names[0], names[1], frozenset(names[2::2]))


def alarms() -> dict[str, dict[str, Any]]:
    return {name: resolved(item) for name, item in of_type("AWS::CloudWatch::Alarm").items()}


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics of an alarm, each with Namespace, MetricName and Dimensions."""
    of_its_parts = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part]
    return of_its_parts or [alarm]


def metric(part: dict[str, Any]) -> Metric:
    names = frozenset(dimension["Name"] for dimension in part["Dimensions"])
    return Metric(part["Namespace"], part["MetricName"], names)


@cache
def emitted() -> frozenset[Metric]:
    """From every call of slowmatch.telemetry's count and duration; Powertools adds the dimension `service`."""
    found: set[Metric] = set()
    for path in (*ROOT.glob("functions/**/*.py"), *ROOT.glob("layers/common/slowmatch/**/*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text if "telemetry" in text else "")
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            found.update(_emitted_by(function))
    return frozenset(found)


def _emitted_by(function: ast.FunctionDef) -> Iterator[Metric]:
    tables = {
        node.targets[0].id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and re.fullmatch(
            r"(telemetry\.)?(count|duration)", ast.unparse(node.func)
        ):
            dimensions = frozenset({"service", *(word.arg for word in node.keywords if word.arg)})
            for name in _names(node.args[0], tables):
                yield Metric("Slowmatch", name, dimensions)


def _names(argument: ast.expr, tables: dict[str, ast.expr]) -> list[str]:
    """A name as it stands, or any of the table that it is looked up in."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [argument.value]
    if isinstance(argument, ast.Subscript) and isinstance(argument.value, ast.Name):
        table = ast.literal_eval(tables[argument.value.id])
        return [str(name) for name in table.values()]
    raise ValueError(f"which metric is {ast.unparse(argument)}?")
