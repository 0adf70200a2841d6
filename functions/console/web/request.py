"""What a page needs to know about the request it answers."""

import base64
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from slowmatch.http.auth.roles import Identity
from slowmatch.http.errors import Problem
from slowmatch.http.request import header

FORM_LIMIT_BYTES = 256 * 1024
FORM_FIELDS_MAX = 2000
NO_ONE = Identity(name="", subject="", role=None)


@dataclass(frozen=True)
class Request:
    """`identity` is NO_ONE on the few pages that are open to everybody."""

    event: dict[str, Any]
    identity: Identity
    began: float = field(default_factory=time.perf_counter)

    @property
    def spent_ms(self) -> float:
        """Milliseconds since this request came."""
        return (time.perf_counter() - self.began) * 1000

    @property
    def path(self) -> str:
        return str(self.event["rawPath"])

    @property
    def address(self) -> str:
        """Path and query, as the browser's address bar has them."""
        query = self.event.get("rawQueryString")
        return f"{self.path}?{query}" if query else self.path

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each parameter that has one."""
        found = parse_qs(self.event.get("rawQueryString") or "", errors="replace")
        return {name: values[-1].replace("\0", "") for name, values in found.items()}

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The fields of a submitted form. Raises Problem 413 or 422 for a body that is none."""
        body = self.event.get("body") or ""
        if len(body) > FORM_LIMIT_BYTES:
            raise Problem(413, "Form too large", f"a form has at most {FORM_LIMIT_BYTES // 1024} KB")
        try:
            text = base64.b64decode(body).decode() if self.event.get("isBase64Encoded") else body
            fields = parse_qs(text, keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise Problem(422, "Not a form", "the form's content is not readable") from error
        if sum(map(len, fields.values())) > FORM_FIELDS_MAX:
            raise Problem(413, "Form too large", f"a form has at most {FORM_FIELDS_MAX:,} fields")
        return fields

    @property
    def has_stack_page(self) -> bool:
        """Whether /local is there: `make run` serves it, neither `sam local start-api` nor the cloud does."""
        return bool(self.event["requestContext"].get("apiId") == "local")

    def value(self, name: str) -> str:
        """The last value of a form's field, without spaces at its ends; empty when it is not there."""
        return self.form.get(name, [""])[-1].strip()

    def header(self, name: str) -> str:
        """By its name in lower case; `sam local start-api` writes names as the browser did."""
        return header(self.event, name)

    def cookie(self, name: str) -> str | None:
        """The first cookie of that name: the browser sends the one with the longest path first."""
        for cookie in self.event.get("cookies", []):
            found, _, value = cookie.partition("=")
            if found == name:
                return str(value)
        return None


def here(router: Any) -> Request:
    """The request that `router` is answering."""
    found: Request = router.context["request"]
    return found
