"""The short ways in, and the address that is none."""

from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.web import render
from console.web.request import here
from slowmatch.http.errors import Problem

DASHBOARD = "/dashboard"
router = Router()  # type: ignore[no-untyped-call]
nowhere = Router()  # type: ignore[no-untyped-call]


@router.get("/")
def home() -> Response[str]:
    return render.redirect(DASHBOARD)


@router.get("/hangfire")
def hangfire() -> Response[str]:
    return render.redirect(DASHBOARD)


@router.get("/hangfire/.+")
def hangfire_page() -> Response[str]:
    return render.redirect(DASHBOARD)


@nowhere.get("/<path>.*")  # with a parameter it is tried after all others
def no_page(path: str) -> Response[str]:  # noqa: ARG001 - a parameter stops at a slash
    """Leads an address with a slash too many to its page. Raises Problem 404 for all others."""
    address = here(nowhere).path
    if address.endswith("/"):
        return render.redirect(f"/{quote(address.strip('/'))}")
    raise Problem(404, "Not found", "there is no page at this address")
