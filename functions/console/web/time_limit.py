"""How long a page or an action may take, and which part of it took too long."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from console.web.request import Request
from slowmatch.db import connection

PAGE_SECONDS = 10
ACTION_SECONDS = 25
"""API Gateway gives up after 30 seconds, with an answer of its own."""
_NAMES = {"metrics": "figures of the charts", "audit_log": "activity", "health": "state of the jobs"}
"""Names of modules that a reader would not recognize."""


@contextmanager
def applied(request: Request) -> Iterator[None]:
    """Within the block, the database has to answer in the time that is left for `request`."""
    seconds = ACTION_SECONDS if request.is_action else PAGE_SECONDS
    with connection().limited_to(seconds):
        yield


def slow_part(error: Exception, request: Request) -> str:
    """A sentence that says what took too long: the last of our modules, outside the database's, that asked."""
    if request.is_action:
        return f"this took longer than {ACTION_SECONDS} seconds"
    asked = [
        (frame.f_globals["__name__"], frame.f_code.co_name)
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_globals["__name__"].startswith("slowmatch.")
        and not frame.f_globals["__name__"].startswith("slowmatch.db")
    ]
    if not asked:
        return "this page took longer than ten seconds"
    module, function = asked[-1]
    name = module.split(".")[-1]
    part = "records" if ".records." in module else _NAMES.get(name, name.replace("_", " "))
    verb = "counting" if "count" in function else "reading"
    return f"{verb} the {part} took longer than ten seconds"
