"""The routes, the request that a page answers, and the addresses that it may redirect to."""

import base64
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from aws_lambda_powertools.event_handler.api_gateway import Router

from slowmatch.http.auth.csrf import SAFE_METHODS
from slowmatch.http.auth.roles import ANONYMOUS, Identity
from slowmatch.http.errors import Problem
from slowmatch.http.request import header, method

FORM_MAX_BYTES = 256 * 1024
FORM_MAX_FIELDS = 2000
# The provider's sign-in page gets it in its own address, and servers often accept 2,048 bytes.
PATH_MAX = 1000
HOME = "/dashboard"
router = Router()  # type: ignore[no-untyped-call]
"""The routes of the console; every page adds its own."""


@dataclass(frozen=True)
class Request:
    """`identity` is ANONYMOUS on public pages."""

    event: dict[str, Any]
    identity: Identity = ANONYMOUS
    began: float = field(default_factory=time.perf_counter)

    @property
    def spent_ms(self) -> float:
        """Milliseconds since this request arrived."""
        return (time.perf_counter() - self.began) * 1000

    @property
    def is_action(self) -> bool:
        """Whether it asks to change something."""
        return method(self.event) not in SAFE_METHODS

    @property
    def path(self) -> str:
        return str(self.event["rawPath"])

    @property
    def address(self) -> str:
        """Path and query, as in the browser's address bar."""
        query = self.event.get("rawQueryString")
        return f"{self.path}?{query}" if query else self.path

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter that has one."""
        found = parse_qs(self.event.get("rawQueryString") or "", errors="replace")
        return {name: values[-1].replace("\0", "") for name, values in found.items()}

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The fields of a submitted form. Raises Problem 413 for one that is too large, 422 for another body."""
        body = self.event.get("body") or ""
        if len(body) > FORM_MAX_BYTES:
            raise Problem(413, "Form too large", f"a form can be at most {FORM_MAX_BYTES // 1024} KB")
        try:
            text = base64.b64decode(body).decode() if self.event.get("isBase64Encoded") else body
            fields = parse_qs(text, keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise Problem(
                422, "Not a form", "the form could not be read; go back and submit it again"
            ) from error
        if sum(map(len, fields.values())) > FORM_MAX_FIELDS:
            raise Problem(413, "Form too large", f"a form can have at most {FORM_MAX_FIELDS:,} fields")
        return fields

    def value(self, name: str) -> str:
        """The last value of a form field, stripped; empty without one."""
        return self.form.get(name, [""])[-1].strip()

    def header(self, name: str) -> str:
        """A header by its lower-case name."""
        return header(self.event, name)


def current_request() -> Request:
    """The request that is being answered."""
    found: Request = router.context["request"]
    return found


def address(path: str, **query: Any) -> str:
    """`path`, which may have a query of its own, with those parameters that are not empty."""
    text = urlencode({name: value for name, value in query.items() if value})
    return f"{path}{'&' if '?' in path else '?'}{text}" if text else path


def sign_in_address(path: str) -> str:
    """Where to sign in, and come back to `path` afterwards."""
    return f"/sign-in?next={quote(path, safe='/')}"


def path_on_this_site(text: str) -> str:
    """`text` if a browser takes it for a path of this site, else the dashboard.

    It comes from an address, a form or a cookie, so it may try to lead to another site.
    """
    is_path = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    if not is_path or text.startswith(("/sign-in", "/sign-out", "/signed-out")):
        return HOME
    path = quote(text, safe="/?&=%#+,:;@!$'()*~.-_[]")
    return path if len(path) <= PATH_MAX else HOME


def page_of_button(job: str) -> str:
    """The page with the button about `job` that was pressed: a list of jobs, or the page of the job."""
    pages = {"failing": "/dashboard/failing", "jobs": "/jobs", "schedules": "/dashboard/schedules"}
    return pages.get(current_request().value("back-to"), f"/jobs/{job}")
