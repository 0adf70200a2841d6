"""Short addresses of the dashboard, and addresses that do not exist."""

from urllib.parse import quote

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from console.web import render
from console.web.request import HOME, current_request

router = Router()  # type: ignore[no-untyped-call]
fallback = Router()  # type: ignore[no-untyped-call]


@router.get("/")
@router.get("/hangfire")
@router.get("/hangfire/.+")
def dashboard() -> render.Page:
    return render.redirect(HOME)


@fallback.get("/<path>.*")  # a route with a parameter is tried after those without
def no_page(path: str) -> render.Page:  # noqa: ARG001 - a parameter ends at a slash
    """Redirect an address with a slash at the end to the page without it; 404 for all others."""
    address = current_request(fallback).path
    if address.endswith("/"):
        return render.redirect(f"/{quote(address.strip('/'))}")
    raise NotFoundError
