"""Pages about jobs as a whole: the overview, lists of runs, workers, analytics, activity."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console import render
from console.request import here
from slowmatch.db import connection

router = Router()  # type: ignore[no-untyped-call]


@router.get("/dashboard")
def overview() -> Response[str]:
    con = connection()
    return render.page(here(router), "overview.html", con=con)
