"""Answers of the console: pages with an ETag made of their data, redirects with a notice."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.views import formatting
from console.web import assets, flash
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.http.api import check_response_size
from slowmatch.http.auth.roles import Role

HTML = "text/html; charset=utf-8"
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
SECURITY = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
# Whoever signs out leaves nothing behind the back button; live.js remembers the ETag by itself.
KEPT_NOWHERE = {"Cache-Control": "no-store"}
_SMALL_BYTES = 860  # what compressing saves less than a packet on


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(assets.FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(formatting.FILTERS)
    made.globals.update(asset=assets.url, Role=Role, between=formatting.between)
    return made


def page(
    request: Request, template: str, status: int = 200, *, con: Connection | None = None, **data: Any
) -> Response[str]:
    """`template` filled with `data`, `request` and `notice`; 304 when the browser has just that.

    The ETag is made of the data, so `data` holds nothing that differs from call to call, such as an age.
    With `con` the page's foot says which database answered, and how its clock goes.
    """
    notice = flash.read(request.cookie(flash.COOKIE))
    etag = _etag(request, template, data) if status == 200 and notice is None else None
    headers = SECURITY | KEPT_NOWHERE
    if etag:
        headers["ETag"] = etag
        if etag in request.header("if-none-match"):
            return _answer(304, "", headers)
    text = (
        environment()
        .get_template(template)
        .render(request=request, notice=notice, storage=con and _storage(con), **data)
    )
    return _sent(request, status, text.encode(), headers, [flash.forget()] if notice else [])


def redirect(path: str, *cookies: str, notice: str = "", href: str = "", link: str = "") -> Response[str]:
    """303 to `path`; `cookies` are Set-Cookie values; `notice` is shown there, with a link to the next step."""
    if notice:
        cookies = (*cookies, flash.cookie(notice, href, link))
    return _answer(303, "", SECURITY | KEPT_NOWHERE | {"Location": path}, cookies=cookies)


def file(name: str) -> Response[str] | None:
    """A static file, to be kept for a year when its name has the hash of its present content."""
    found = assets.find(name)
    if found is None:
        return None
    asset, current = found
    kept = "public, max-age=31536000, immutable" if current else "no-cache"
    headers = SECURITY | {"Cache-Control": kept, "Content-Encoding": "gzip"}
    return _answer(200, asset.zipped, headers, asset.kind)


def _storage(con: Connection) -> dict[str, Any]:
    return {"version": _server_version(con), "clock_seconds": con.clock_offset.total_seconds()}


@cache
def _server_version(con: Connection) -> str:
    ((version,),) = con.query("SELECT current_setting('server_version')")
    return str(version).partition(" ")[0]


def _etag(request: Request, template: str, data: dict[str, Any]) -> str:
    who = [request.identity.name, request.identity.role]
    parts = [assets.release(), template, request.address, who, data]
    text = json.dumps(parts, default=str, sort_keys=True)
    return f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


def _sent(
    request: Request, status: int, body: bytes, headers: dict[str, str], cookies: Sequence[str]
) -> Response[str]:
    content: str | bytes = body.decode()
    if len(body) >= _SMALL_BYTES and "gzip" in request.header("accept-encoding"):
        content = gzip.compress(body, 6, mtime=0)
        headers = headers | {"Content-Encoding": "gzip"}
    check_response_size(content)
    return _answer(status, content, headers, cookies=cookies)


def _answer(
    status: int, body: str | bytes, headers: dict[str, str], kind: str = HTML, cookies: Sequence[str] = ()
) -> Response[str]:
    # Powertools sends bytes as base64, and of a cookie it only wants the text.
    return Response(status, kind, body, {**headers}, list(cookies))  # type: ignore[arg-type]
