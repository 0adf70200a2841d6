"""Errors as problem+json (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

PROBLEM = "application/problem+json"


async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    errors = [{"field": _field(each["loc"]), "message": each["msg"]} for each in error.errors()]
    detail = "; ".join(f"{each['field']}: {each['message']}" for each in errors)
    return _answer(422, "Invalid request", detail, errors=errors)


async def problem(_: Request, error: HTTPException) -> JSONResponse:
    return _answer(error.status_code, HTTPStatus(error.status_code).phrase, error.detail)


def _field(place: tuple[Any, ...]) -> str:
    return ".".join(map(str, place[1:])) or str(place[0])


def _answer(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type=PROBLEM)
