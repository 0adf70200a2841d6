"""Finds the route of the HTTP API for a request."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from local.template.model import Function, Route


@dataclass(frozen=True)
class Match:
    function: Function
    route: Route
    parameters: dict[str, str]


class Routes:
    """Prefers the most specific route: literal segments, then parameters, then `{proxy+}`, then $default."""

    def __init__(self, functions: Sequence[Function]) -> None:
        found = [(function, route) for function in functions for route in function.routes]
        self._routes = sorted(
            ((_pattern(route.path), function, route) for function, route in found),
            key=lambda entry: _rank(entry[2]),
        )

    def match(self, method: str, path: str) -> Match | None:
        for pattern, function, route in self._routes:
            found = pattern.fullmatch(path)
            if found and route.method in (method, "ANY"):
                return Match(
                    function, route, {name: unquote(value) for name, value in found.groupdict().items()}
                )
        return None


def _pattern(path: str) -> re.Pattern[str]:
    if path == "$default":
        return re.compile(r".*", re.DOTALL)
    parts = re.split(r"(\{[^}]+\})", path)
    return re.compile("".join(_group(part) if part.startswith("{") else re.escape(part) for part in parts))


def _group(parameter: str) -> str:
    name = parameter.strip("{}")
    return f"(?P<{name[:-1]}>.+)" if name.endswith("+") else f"(?P<{name}>[^/]+)"


def _rank(route: Route) -> tuple[bool, list[int], bool]:
    kinds = [2 if "+}" in segment else 1 if "{" in segment else 0 for segment in route.path.split("/")]
    return route.path == "$default", kinds, route.method == "ANY"
