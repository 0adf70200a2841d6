"""What a request must be before its fields are looked at: whose it is, its size, content type, JSON, query names."""

import base64
import binascii
import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
)
from pydantic import BaseModel

from slowmatch.http import auth
from slowmatch.http.problem import Problem

BODY_LIMIT_BYTES = 64 * 1024
MEDIA_TYPE = "application/json"


class Guard(OpenAPIRequestValidationMiddleware):
    """Powertools' validation, with stricter doors before it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def handler(self, app: Any, next_middleware: Any) -> Response[Any]:
        auth.admit(app)
        body = _body(app.current_event)
        if len(body) > BODY_LIMIT_BYTES:
            raise Problem(413, "Content too large", f"a body has at most {BODY_LIMIT_BYTES} bytes")
        route = app.context["_route"]
        if route.rule.pattern != auth.NOWHERE:
            _check_query(app.current_event.query_string_parameters, route.dependant.query_params)
        response: Response[Any] = super().handler(app, next_middleware)
        return response

    def _get_body(self, app: Any) -> Any:
        body = _body(app.current_event)
        if not body:
            return None
        _check_content_type(app.current_event.headers.get("content-type"))
        value = _parse(body)
        if not isinstance(value, dict):
            raise Problem.invalid([{"field": "body", "message": "must be a JSON object"}])
        return value


def _body(event: Any) -> bytes:
    text = event.body or ""
    if not event.is_base64_encoded:
        return bytes(text.encode("utf-8", "surrogatepass"))
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("it is not valid base64") from error


def _check_content_type(header: str | None) -> None:
    # A body without a type is refused too: a foreign web page can send one without asking the browser.
    if (header or "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        said = f"not {header}" if header else "and there is no Content-Type"
        raise Problem(415, "Unsupported media type", f"a body must be {MEDIA_TYPE}, {said}")


def _parse(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise _malformed("it is not UTF-8") from error
    except RecursionError as error:
        raise _malformed("it is nested too deeply") from error
    except ValueError as error:
        raise _malformed("it has a number that JSON or this service does not know") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _malformed(reason: str) -> Problem:
    return Problem(
        400, "Malformed body", f"the body is not JSON: {reason}", [{"field": "body", "message": reason}]
    )


def _check_query(given: dict[str, str], params: list[Any]) -> None:
    known = {name for param in params for name in _names(param)}
    allowed = f"the known ones are {', '.join(sorted(known))}" if known else "none is known here"
    unknown = [name for name in given if name not in known]
    if unknown:
        message = f"is not a known query parameter; {allowed}"
        raise Problem.invalid([{"field": name, "message": message} for name in unknown])


def _names(param: Any) -> list[str]:
    kind = param.field_info.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [field.alias or name for name, field in kind.model_fields.items()]
    return [param.alias]
