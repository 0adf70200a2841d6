"""Pages about jobs as a whole: the overview, lists of runs, recurring jobs, workers, analytics, activity."""

from collections.abc import Callable
from functools import partial

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console import activity, analytics, lists, overview, recurring, workers
from console.kinds import LISTS
from console.request import Request, here
from slowmatch.db import Connection, connection
from slowmatch.http.problem import Problem

Page = Callable[[Request, Connection], Response[str]]
PAGES: dict[str, Page] = {
    **{name: partial(lists.show, name=name) for name in LISTS},
    "recurring": recurring.show,
    "workers": workers.show,
    "analytics": analytics.show,
    "activity": activity.show,
}
router = Router()  # type: ignore[no-untyped-call]


@router.get("/dashboard")
def dashboard() -> Response[str]:
    return overview.show(here(router), connection())


@router.get("/dashboard/<page>")
def dashboard_page(page: str) -> Response[str]:
    if page not in PAGES:
        raise Problem(404, "Not found", f"the dashboard has no page {page!r}; it has {', '.join(PAGES)}")
    return PAGES[page](here(router), connection())
