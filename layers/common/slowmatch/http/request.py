"""Reads requests as API Gateway's HTTP API sends them, payload format 2.0: event, headers, query, JSON body."""

import base64
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

from slowmatch.http.errors import FieldError, Problem
from slowmatch.text import key_problem

MAX_BODY_BYTES = 64 * 1024
MAX_KEY_CHARACTERS = 200
"""For the header. In the database, keys of many runs have an index added."""
MEDIA_TYPE = "application/json"
_MAX_BYTES_ATTRIBUTE = "slowmatch_max_body_bytes"

F = TypeVar("F", bound=Callable[..., Any])

Event = Mapping[str, Any]


class EventError(ValueError):
    """The event is not a request from API Gateway's HTTP API."""


def check_event(event: Any) -> None:
    """Raise EventError unless the event is a request. The Lambda console's test events, for example, are not."""
    try:
        context = event["requestContext"]
        texts = [
            context["http"]["method"],
            context["stage"],
            event["rawPath"],
            event.get("rawQueryString", ""),
        ]
        texts += [event.get("body") or "", *event.get("cookies", []), *event.get("headers", {}).values()]
        texts += (event.get("queryStringParameters") or {}).values()
    except (TypeError, KeyError, AttributeError):
        texts = [None]
    if not all(isinstance(text, str) for text in texts):
        raise EventError("this function accepts only requests from an HTTP API (payload format 2.0)")


def method(event: Event) -> str:
    return str(event["requestContext"]["http"]["method"]).upper()


def headers(event: Event) -> dict[str, str]:
    """The headers by lower-case name. Several of one name are joined, so that none can hide another."""
    found: dict[str, str] = {}
    for key, value in (event.get("headers") or {}).items():
        name = key.lower()
        found[name] = f"{found[name]},{value}" if name in found else str(value)
    return found


def header(event: Event, name: str) -> str:
    """The header with this lower-case name; empty if it is missing."""
    return headers(event).get(name, "")


def host_name(host: str) -> str:
    """The host without its port, an IPv6 address without its brackets; unchanged if it is not a host."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.partition(":")
    return name if not port or port.isdigit() else host


def query(event: Event, known: Collection[str]) -> Mapping[str, str | list[str]]:
    """The query parameters, with a list for a repeated one. Raise Problem 422 for names that are not `known`."""
    given: Mapping[str, str] = event.get("queryStringParameters") or {}
    unknown = [name for name in given if name not in known]
    if unknown:
        allowed = f"the accepted ones are {', '.join(sorted(known))}" if known else "none are accepted here"
        message = f"is not an accepted query parameter; {allowed}"
        raise Problem.invalid([{"field": name, "message": message} for name in unknown])
    values = parse_qs(event.get("rawQueryString") or "", keep_blank_values=True)
    return {**given, **{name: texts for name, texts in values.items() if len(texts) > 1}}


def accept_bytes(max_bytes: int) -> Callable[[F], F]:
    """Mark a route's function whose body may have more than MAX_BODY_BYTES."""

    def mark(function: F) -> F:
        setattr(function, _MAX_BYTES_ATTRIBUTE, max_bytes)
        return function

    return mark


def max_body_bytes(function: Any) -> int:
    found: int = getattr(function, _MAX_BYTES_ATTRIBUTE, MAX_BODY_BYTES)
    return found


def body(event: Event, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The body. Raise Problem 400 for invalid base64, 413 above `max_bytes`."""
    text = event.get("body") or ""
    content: bytes = text.encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded"):
        try:
            content = base64.b64decode(content, validate=True)
        except ValueError as error:
            raise _malformed("it is not valid base64") from error
    if len(content) > max_bytes:
        raise Problem(413, "Content too large", f"a body may be at most {max_bytes} bytes")
    return content


def json_object(event: Event, content: bytes) -> dict[str, Any] | None:
    """The JSON object in the body `content`, None if it is empty. Raise Problem 400, 415 or 422."""
    if not content:
        return None
    check_media_type(event, MEDIA_TYPE)
    value = _parse_json(content)
    if not isinstance(value, dict):
        raise Problem.invalid([{"field": "body", "message": "must be a JSON object"}])
    return value


def check_media_type(event: Event, expected: str) -> None:
    """Raise Problem 415 unless the body is `expected`.

    A body without Content-Type is refused too: another site's page can send one without a preflight request.
    """
    content_type = header(event, "content-type")
    if content_type.partition(";")[0].strip().lower() != expected:
        given = f"not {content_type}" if content_type else "but there is no Content-Type"
        raise Problem(415, "Unsupported media type", f"a body must be {expected}, {given}")


def idempotency_key(event: Event) -> str | None:
    """The header Idempotency-Key, None without one. Raise Problem 422 for one that cannot be stored."""
    key = headers(event).get("idempotency-key")
    if key is not None and (message := key_problem(key, MAX_KEY_CHARACTERS)):
        raise Problem.invalid([{"field": "Idempotency-Key", "message": message}])
    return key


def _parse_json(content: bytes) -> object:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise _malformed("it is not UTF-8") from error
    except RecursionError as error:
        raise _malformed("it is nested too deeply") from error
    except ValueError as error:
        raise _malformed("it has a number that JSON or this service does not allow") from error


def _refuse_constant(name: str) -> None:
    """NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)


def _malformed(reason: str) -> Problem:
    errors = [FieldError(field="body", message=reason)]
    return Problem(400, "Malformed body", f"the body is not valid JSON: {reason}", errors)
