"""The resolver of the JSON APIs: Powertools finds the route and writes the OpenAPI document, this calls the function.

Powertools would call it through middlewares that are looked into, named and noted anew for every request, with all
headers and cookies read in case a parameter is one, which takes as long as PostgreSQL does. Here it is one line.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder, Route

from slowmatch.http import auth, envelope, problems
from slowmatch.http.arguments import arguments


class Api(APIGatewayHttpResolver):
    """Lets in only who may, before anything else is looked at, and answers every exception with problem+json.

    `statuses` adds domain errors: the status of each, the detail is the error's own message.
    """

    def __init__(self, statuses: Mapping[type[Exception], int] | None = None) -> None:
        super().__init__(enable_validation=True, response_validation_error_http_code=500)
        for kind, handler in problems.handlers(statuses or {}).items():
            self.exception_handler(kind)(handler)

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        """The answer to a request. Raises EventError for what is none."""
        envelope.check(event)
        return super().resolve(event, context)

    def use(self, middlewares: Any) -> None:
        raise NotImplementedError("no middleware is called here: let in, read, call")

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> Any:
        try:
            auth.admit(self)
            values = arguments(route, route_arguments, self.current_event.raw_event)
            answer: Any = self._to_response(route.func(**values))
            return ResponseBuilder(answer, self._serializer)
        except Exception as error:  # noqa: BLE001  (the table ends with all of them)
            return self._call_exception_handler(error, route)
