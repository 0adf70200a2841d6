"""Pages about jobs as a whole: the overview, lists of runs, recurring jobs, workers, analytics, activity."""

from collections.abc import Callable
from functools import partial

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.pages import analytics, audit_log, overview, recurring, run_list, workers
from console.views.run_lists import LISTS
from console.web.request import Request, here
from slowmatch.db import Connection, connection
from slowmatch.http.errors import Problem

Page = Callable[[Request, Connection], Response[str]]
PAGES: dict[str, Page] = {
    **{name: partial(run_list.show, name=name) for name in LISTS},
    "recurring": recurring.show,
    "workers": workers.show,
    "analytics": analytics.show,
    "activity": audit_log.show,
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
