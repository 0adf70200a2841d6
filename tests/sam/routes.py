"""The routes of the code, and the one of the template that leads a request to its function."""

import importlib
import re
from functools import cache

from local.event_sources.routes import Match, Routes
from local.template import reader as local_template
from tests.sam.template import ROOT, Route, api_functions, folder


@cache
def of_code(function_folder: str) -> dict[Route, re.Pattern[str]]:
    """What the function's resolver answers, each with the pattern of its paths; the first that matches answers."""
    app = importlib.import_module(f"{function_folder}.app").app
    known = app._static_routes + app._dynamic_routes
    return {Route(route.method, re.sub(r"<(\w+)>", r"{\1}", route.path)): route.rule for route in known}


def all_of_code() -> list[tuple[str, Route]]:
    """The function's folder and the route."""
    folders = sorted(folder(function) for function in api_functions())
    return [(each, route) for each in folders for route in of_code(each)]


def example(route: Route) -> str:
    """A path of the route: /runs/{run_id} becomes /runs/some."""
    return re.sub(r"\{\w+\}(\.\*)?|\.\+", "some", route.path)


def answering(function_folder: str, method: str, path: str) -> Route | None:
    """The route of the code that answers the request."""
    for route, pattern in of_code(function_folder).items():
        if route.method == method and pattern.match(path):
            return route
    return None


def leading(method: str, path: str) -> Match | None:
    """The function and the route of the template, as API Gateway chooses them: the most specific one."""
    return _routes().match(method, path)


@cache
def _routes() -> Routes:
    return Routes(local_template.read(ROOT / "template.yaml", aws_port=0).functions)
