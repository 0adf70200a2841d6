"""The resolver of the JSON APIs: authorizes a request, reads its arguments, calls the route, answers errors.

Powertools finds the route and writes the OpenAPI document. `Api` does the rest in its place, because that pays: a warm
request takes 170 to 340 us with PostgreSQL, to which Powertools' validation would add 36 us (one parameter) to
183 us (nine), and its ResponseBuilder 34 us.
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

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
        self.current_event, self.lambda_context = APIGatewayProxyEventV2(event), context
        try:
            response: Any = self._resolve()
            return {
                "statusCode": response.status_code,
                "headers": response.headers,
                "body": response.body,
                "isBase64Encoded": False,
                "cookies": [],
            }
        finally:
            self.context.clear()

    def _resolve(self) -> Any:
        # The routes' patterns end with $, which matches before a newline as well.
        path = self.current_event.path
        if path.endswith("\n"):
            return self._handle_not_found(method=self.current_event.http_method, path=path)
        return super()._resolve()

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> Any:
        try:
            authentication.authorize(self)
            response = route.func(**_arguments(route, route_arguments, self.current_event.raw_event))
            check_response_size(response.body)
            return response
        except Exception as error:  # noqa: BLE001  (the table of errors ends with Exception)
            handler: Any = self.exception_handler_manager.lookup_exception_handler(type(error))
            return handler(error)


def documented(status: int, description: str, model: Any) -> dict[int, Any]:
    """The OpenAPI entry of a route's successful response."""
    return {status: {"description": description, "content": {"application/json": {"model": model}}}}


def _arguments(route: Route, path: Mapping[str, str], event: request.Event) -> dict[str, Any]:
    """The arguments that a request gives the route's function, validated by pydantic; others keep their defaults.

    Raise Problem 400, 413, 415 or 422.
    """
    max_bytes = request.max_body_bytes(route.func)
    content = request.body(event, max_bytes)
    if route.rule.pattern == authentication.NOT_FOUND_PATTERN:
        return {}
    wanted = route.dependant
    query = request.query(event, [field.alias for field in wanted.query_params])
    given: list[tuple[Any, str, Any]] = [
        *((field, "path", path.get(field.alias)) for field in wanted.path_params),
        *((field, "query", query.get(field.alias)) for field in wanted.query_params),
        *((field, "body", request.json_object(event, content)) for field in wanted.body_params),
    ]
    values: dict[str, Any] = {}
    invalid: list[Any] = []
    for field, place, value in given:
        location = (place,) if place == "body" else (place, field.alias)
        if value is not None:
            values[field.name], found = field.validate(value, loc=location)
            invalid.extend(found or ())
        elif field.required:
            invalid.append({"type": "missing", "loc": location})
    if content and not wanted.body_params and max_bytes == request.MAX_BODY_BYTES:
        unknown = request.json_object(event, content) or ()
        invalid.extend({"type": "extra_forbidden", "loc": ("body", name)} for name in unknown)
    if invalid:
        raise Problem.invalid(field_errors(invalid))
    return values


def check_response_size(body: str | bytes | None) -> None:
    """Raise Problem 500 for a body above MAX_RESPONSE_BYTES. Lists and texts have lower limits of their own."""
    if isinstance(body, bytes):
        size = (len(body) + 2) // 3 * 4  # Lambda's JSON has bytes as base64, and text escaped
    else:
        size = len(json.dumps(body or "", ensure_ascii=False).encode())
    if size > MAX_RESPONSE_BYTES:
        detail = (
            f"the response would be {size:,} bytes, but at most {MAX_RESPONSE_BYTES:,} can be sent:"
            " request less, for example fewer hours or a smaller limit"
        )
        raise Problem(500, "Response too large", detail)
