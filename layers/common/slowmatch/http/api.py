"""The resolver of the JSON APIs: Powertools finds the route and writes the OpenAPI document, this calls the function.

Powertools would call it through middlewares that are looked into, named and noted anew for every request, with all
headers and cookies read in case a parameter is one, which takes as long as PostgreSQL does. Here it is one line.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from slowmatch.http import answer_size, envelope, errors
from slowmatch.http.arguments import arguments
from slowmatch.http.auth import authentication
from slowmatch.http.auth.csrf import method, with_headers


class Request(APIGatewayProxyEventV2):
    """An event whose method and path are read directly; the stage of ours, $default, has no part in the path."""

    @property
    def http_method(self) -> str:
        return method(self.raw_event)

    @property
    def path(self) -> str:
        return str(self.raw_event["rawPath"])


class Api(APIGatewayHttpResolver):
    """Lets in only who may, before anything else is looked at, and answers every exception with problem+json.

    A route's function returns a Response whose body is text. `statuses` adds domain errors: the status of each,
    the detail is the error's own message.
    """

    def __init__(self, statuses: Mapping[type[Exception], int] | None = None) -> None:
        super().__init__(enable_validation=True, response_validation_error_http_code=500)
        for kind, handler in errors.handlers(statuses or {}).items():
            self.exception_handler(kind)(handler)

    def use(self, middlewares: Any) -> None:
        raise TypeError(f"no middleware is called here, {middlewares} would not be: let in, read, call")

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        """The answer to a request. Raises EventError for what is none."""
        envelope.check(event)
        self.current_event, self.lambda_context = Request(with_headers(event)), context
        try:
            response: Any = self._resolve()
            return _answer(response)
        finally:
            self.context.clear()

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> Any:
        try:
            authentication.admit(self)
            response = route.func(**arguments(route, route_arguments, self.current_event.raw_event))
            answer_size.check(response.body)
            return response
        except Exception as error:  # noqa: BLE001  (the table ends with all of them)
            handler: Any = self.exception_handler_manager.lookup_exception_handler(type(error))
            return handler(error)


def _answer(response: Response[str]) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "headers": response.headers,
        "body": response.body,
        "isBase64Encoded": False,
        "cookies": [],
    }
