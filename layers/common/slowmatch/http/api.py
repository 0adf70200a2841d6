"""The resolver of the JSON APIs: authorizes a request, reads its arguments, calls the route, answers errors.

Powertools finds the route and writes the OpenAPI document. `Api` bypasses the rest of it, the one fast path here.
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder, Route

from slowmatch.http import errors, request
from slowmatch.http.auth import authentication
from slowmatch.http.errors import Problem
from slowmatch.http.validation import field_errors

MAX_RESPONSE_BYTES = 6_000_000
"""Lambda returns 6 MB at most; API Gateway answers 500 for anything larger."""


class Api(APIGatewayHttpResolver):
    """Authorizes before anything else is read, and answers every exception with problem+json.

    A route's function returns a Response whose body is text. `statuses` gives domain errors a status; the detail
    is the error's own message.
    """

    def __init__(self, statuses: Mapping[type[Exception], int] | None = None) -> None:
        super().__init__(enable_validation=True, response_validation_error_http_code=500)
        for kind, handler in errors.handlers(statuses or {}).items():
            self.exception_handler(kind)(handler)

    def use(self, middlewares: Any) -> None:
        raise TypeError(f"Api calls no middlewares; {middlewares} would be ignored")

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        """The response to a request. Raise EventError for any other event."""
        request.check_event(event)
        return super().resolve(event, context)

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> Any:
        try:
            authentication.authorize(self)
            response = route.func(**_arguments(route, route_arguments, self.current_event.raw_event))
            check_response_size(response.body)
        except Exception as error:  # noqa: BLE001  (the table of errors ends with Exception)
            handler: Any = self.exception_handler_manager.lookup_exception_handler(type(error))
            response = handler(error)
        return ResponseBuilder(response, self._serializer, route)


def _arguments(route: Route, path: Mapping[str, str], event: request.Event) -> dict[str, Any]:
    """The arguments of the route's function, validated by pydantic. Raise Problem 400, 413, 415 or 422."""
    content = request.body(event)
    if route.rule.pattern == authentication.NOT_FOUND_PATTERN:
        return {}
    wanted = route.dependant
    query = request.query(event, [field.alias for field in wanted.query_params])
    given: list[tuple[Any, tuple[str, ...], Any]] = [
        *((field, ("path", field.alias), path.get(field.alias)) for field in wanted.path_params),
        *((field, ("query", field.alias), query.get(field.alias)) for field in wanted.query_params),
        *((field, ("body",), request.json_object(event, content)) for field in wanted.body_params),
    ]
    values: dict[str, Any] = {}
    invalid: list[Any] = []
    for field, location, value in given:
        if value is not None:
            values[field.name], found = field.validate(value, loc=location)
            invalid.extend(found or ())
        elif field.required:
            invalid.append({"type": "missing", "loc": location})
        else:
            values[field.name] = field.get_default()
    if invalid:
        raise Problem.invalid(field_errors(invalid))
    return values


def check_response_size(body: str | bytes | None) -> None:
    """Raise Problem 500 for a body above MAX_RESPONSE_BYTES. Lists and texts have lower limits of their own."""
    size = _encoded_bytes(body or "")
    if size > MAX_RESPONSE_BYTES:
        detail = (
            f"the response would have {size:,} bytes, and at most {MAX_RESPONSE_BYTES:,} can be sent:"
            " ask for less, such as fewer hours or a smaller limit"
        )
        raise Problem(500, "Response too large", detail)


def _encoded_bytes(body: str | bytes) -> int:
    """The size in Lambda's JSON, where text is escaped and bytes are base64."""
    if isinstance(body, bytes):
        return (len(body) + 2) // 3 * 4
    longest = 6 * len(body)  # a control character becomes \u0001
    return longest if longest <= MAX_RESPONSE_BYTES else len(json.dumps(body, ensure_ascii=False).encode())
