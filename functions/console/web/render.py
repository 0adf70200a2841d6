"""The console's answers: pages rendered from templates, and redirects."""

import gzip
import hashlib
import json
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.web import assets, flash
from console.web.flash import FlashMessage
from console.web.formatting import FILTERS
from console.web.request import Request, address, current_request
from slowmatch.db import Connection
from slowmatch.http import csv
from slowmatch.http.api import check_response_size
from slowmatch.http.auth import sessions
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import JOBS
from slowmatch.jobs.queries import runs
from slowmatch.jobs.queries.failing import failing_jobs
from slowmatch.settings import settings

Page = Response[str]
HTML = "text/html; charset=utf-8"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
# After signing out, the back button must show nothing. live.js keeps the ETag itself.
PAGE_HEADERS = SECURITY_HEADERS | {"Cache-Control": "no-store"}
GZIP_MIN_BYTES = 860  # a smaller page fits into one packet anyway


@cache
def templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(assets.CONSOLE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(address=address, asset=assets.url, settings=settings, Role=Role, JOBS=JOBS)
    return environment


def page(template: str, status: int = 200, *, con: Connection | None = None, **data: Any) -> Page:
    """A page from `template` and `data`; 304 when the browser has it already. `con` is for the page's footer.

    Every open page polls itself every two seconds, usually without a change. So the ETag is a hash of the data,
    computed before rendering: an unchanged list of 20 failed runs costs 4 ms of CPU instead of 14. `data` must not
    contain anything that always changes, such as an age.
    """
    request = current_request()
    # A refresh of what is open, and the answer to an action, must not take a message from the page that will show it.
    messages = {} if request.header("x-live") or request.is_action else flash.read(request.event)
    found = failing_jobs(con, con.now()) if con else []
    data["number_failing"] = sum(job.is_failing for job in found)  # for the title, the icon and the sidebar
    headers = dict(PAGE_HEADERS)
    if status == 200 and not messages:
        headers["ETag"] = _etag(request, template, data)
        if headers["ETag"] in request.header("if-none-match"):
            return Response(304, HTML, "", headers)
    version = con and _server_version(con)
    html = (
        templates()
        .get_template(template)
        .render(request=request, messages=messages, con=con, server_version=version, **data)
    )
    content: str | bytes = html
    if len(html) >= GZIP_MIN_BYTES and "gzip" in request.header("accept-encoding"):
        content = gzip.compress(html.encode(), 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    check_response_size(content)
    cookies = [sessions.set_cookie(request.event, kind, "", 0) for kind in messages]
    return _response(status, content, headers, cookies)


def dashboard_page(template: str, con: Connection, **data: Any) -> Page:
    """A page beside the dashboard's sidebar, which shows the number of runs in each state."""
    return page(template, con=con, counts=runs.counts(con), **data)


def text_file(text: str, name: str) -> Page:
    """A text that the browser saves under `name`, compressed if the browser allows that."""
    headers = PAGE_HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    content: str | bytes = text
    if "gzip" in current_request().header("accept-encoding"):
        content = gzip.compress(text.encode(), 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    check_response_size(content)
    return Response(200, "text/plain; charset=utf-8", content, {**headers})  # type: ignore[arg-type]


def csv_file(name: str, gzipped: bytes, next_address: str | None) -> Page:
    """A file, compressed on the way if the client can read that, else a gzip file. Link has the next part."""
    is_unpacked = "gzip" in current_request().header("accept-encoding")
    ending = "csv" if is_unpacked else "csv.gz"
    headers = PAGE_HEADERS | {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    if is_unpacked:
        headers["Content-Encoding"] = "gzip"
    if next_address:
        headers["Link"] = f'<{next_address}>; rel="next"'
    content_type = csv.CONTENT_TYPE if is_unpacked else "application/gzip"
    return Response(200, content_type, gzipped, {**headers})  # type: ignore[arg-type]


def redirect(path: str, *cookies: str, flash_message: FlashMessage | str = "") -> Page:
    """303 to `path`, which shows the message; `cookies` are Set-Cookie values."""
    if flash_message:
        message = FlashMessage(flash_message) if isinstance(flash_message, str) else flash_message
        cookies = (*cookies, flash.set_cookie(current_request().event, message))
    return _response(303, "", PAGE_HEADERS | {"Location": path}, list(cookies))


@cache
def _server_version(con: Connection) -> str:
    ((version,),) = con.query("SELECT current_setting('server_version')")
    return str(version).partition(" ")[0]


def _etag(request: Request, template: str, data: dict[str, Any]) -> str:
    content = [assets.release(), template, request.address, request.identity, data]
    text = json.dumps(content, default=str, sort_keys=True)
    return f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


def _response(status: int, content: str | bytes, headers: dict[str, str], cookies: list[str]) -> Page:
    # Powertools sends bytes as base64 and cookies as they are, whatever its types say.
    return Response(status, HTML, content, {**headers}, cookies=cookies)  # type: ignore[arg-type]
