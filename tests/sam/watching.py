"""What the dashboard and the alarms of a stack look at, and what the code emits."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from tests.sam.evaluated import Stack
from tests.sam.template import ROOT


class Metric(NamedTuple):
    namespace: str
    name: str
    dimensions: frozenset[str]


class Search(NamedTuple):
    """`SEARCH('{namespace,dimension,...} term', 'statistic', period)`."""

    namespace: str
    dimensions: frozenset[str]
    term: str
    statistic: str

    @property
    def metrics(self) -> list[Metric]:
        names = re.findall(r'MetricName="(\w+)"', self.term)
        return [Metric(self.namespace, name, self.dimensions) for name in names]


def dashboard(stack: Stack) -> dict[str, Any]:
    (properties,) = stack.of_type("AWS::CloudWatch::Dashboard").values()
    found: dict[str, Any] = json.loads(properties["DashboardBody"])
    return found


def widgets(stack: Stack, kind: str = "metric") -> list[dict[str, Any]]:
    return [widget["properties"] for widget in dashboard(stack)["widgets"] if widget["type"] == kind]


def shown(stack: Stack) -> set[Metric]:
    rows = [row for widget in widgets(stack) for row in widget["metrics"]]
    single = (
        Metric(row[0], row[1], frozenset(name for name in row[2::2] if isinstance(name, str)))
        for row in rows
        if isinstance(row[0], str)
    )
    found = (metric for widget in widgets(stack) for search in searches(widget) for metric in search.metrics)
    return {*single, *found}


def searches(widget: dict[str, Any]) -> Iterator[Search]:
    """Raises ValueError for a SEARCH that is written in another form than CloudWatch documents."""
    for row in widget["metrics"]:
        expression = row[0]["expression"] if isinstance(row[0], dict) else ""
        found = re.findall(r"SEARCH\('\{([^{}']+)\} ([^{}']+)', '(\w+)', \d+\)", expression)
        if len(found) != expression.count("SEARCH"):
            raise ValueError(f"{widget['title']}: {expression} is not understood")
        for schema, term, statistic in found:
            namespace, *dimensions = schema.split(",")
            yield Search(namespace, frozenset(dimensions), term, statistic)


def alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    """By their names, without the stack's."""
    found = stack.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix(f"{stack.name}-"): alarm for alarm in found}


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics of an alarm, each with Namespace, MetricName and Dimensions."""
    of_its_parts = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part]
    return of_its_parts or [alarm]


def metric(part: dict[str, Any]) -> Metric:
    return Metric(part["Namespace"], part["MetricName"], frozenset(dimensions(part)))


def dimensions(part: dict[str, Any]) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in part["Dimensions"]}


@cache
def emitted() -> frozenset[Metric]:
    """From every call of slowmatch.telemetry's count and duration; Powertools adds the dimension `service`."""
    found: set[Metric] = set()
    for path in (*ROOT.glob("functions/**/*.py"), *ROOT.glob("layers/common/slowmatch/**/*.py")):
        text = path.read_text(encoding="utf-8")
        found.update(_emitted_by(ast.parse(text if "telemetry" in text else "")))
    return frozenset(found)


def _emitted_by(module: ast.Module) -> Iterator[Metric]:
    tables = {
        node.targets[0].id: node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    own = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(module):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) not in own
            and re.fullmatch(r"(telemetry\.)?(count|duration)", ast.unparse(node.func))
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
