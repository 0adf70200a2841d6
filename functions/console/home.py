"""The short ways in."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console import render

DASHBOARD = "/dashboard"
router = Router()  # type: ignore[no-untyped-call]


@router.get("/")
def home() -> Response[str]:
    return render.redirect(DASHBOARD)


@router.get("/hangfire")
def hangfire() -> Response[str]:
    return render.redirect(DASHBOARD)


@router.get("/hangfire/.+")
def hangfire_page() -> Response[str]:
    return render.redirect(DASHBOARD)
