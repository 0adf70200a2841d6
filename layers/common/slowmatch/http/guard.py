"""What a request must be before its fields are looked at: its size, content type, JSON, query names."""

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qs

from slowmatch.http.auth.csrf import Event, header
from slowmatch.http.problem import Problem

BODY_LIMIT_BYTES = 64 * 1024
MEDIA_TYPE = "application/json"


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def content(event: Event) -> bytes:
    """The body. Raises Problem 413 for one that is too large."""
    text = event.get("body") or ""
    body = _decoded(text) if event.get("isBase64Encoded") else text.encode("utf-8", "surrogatepass")
    if len(body) > BODY_LIMIT_BYTES:
        raise Problem(413, "Content too large", f"a body has at most {BODY_LIMIT_BYTES} bytes")
    return body


def json_object(event: Event, body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, None without one. Raises Problem 400, 415 and 422."""
    if not body:
        return None
    _check_content_type(header(event, "content-type"))
    value = _parse(body)
    if not isinstance(value, dict):
        raise Problem.invalid([{"field": "body", "message": "must be a JSON object"}])
    return value


def query(event: Event, known: Collection[str]) -> Mapping[str, str | list[str]]:
    """What stands in the query, a list for a name that is given twice. Raises Problem 422 for an unknown name."""
    given: dict[str, str] = event.get("queryStringParameters") or {}
    if not given:
        return {}
    _check_names(given, known)
    raw = event.get("rawQueryString") or ""
    if raw.count("&") < len(given):
        return given
    several = {
        name: values for name, values in parse_qs(raw, keep_blank_values=True).items() if len(values) > 1
    }
    return given | several


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("it is not valid base64") from error


def _check_content_type(header: str) -> None:
    # A body without a type is refused too: a foreign web page can send one without asking the browser.
    if header.partition(";")[0].strip().lower() != MEDIA_TYPE:
        said = f"not {header}" if header else "and there is no Content-Type"
        raise Problem(415, "Unsupported media type", f"a body must be {MEDIA_TYPE}, {said}")


def _parse(body: bytes) -> object:
    try:
        return _JSON.decode(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise _malformed("it is not UTF-8") from error
    except RecursionError as error:
        raise _malformed("it is nested too deeply") from error
    except ValueError as error:
        raise _malformed("it has a number that JSON or this service does not know") from error


def _malformed(reason: str) -> Problem:
    return Problem(
        400, "Malformed body", f"the body is not JSON: {reason}", [{"field": "body", "message": reason}]
    )


def _check_names(given: Mapping[str, str], known: Collection[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        allowed = f"the known ones are {', '.join(sorted(known))}" if known else "none is known here"
        message = f"is not a known query parameter; {allowed}"
        raise Problem.invalid([{"field": name, "message": message} for name in unknown])
