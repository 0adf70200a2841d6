"""The stack's HTTP API: creates its routes, which ministack does not, and sends requests."""

import http.client
import json
import re
from typing import Any

from tools.rehearse.deployment import Deployment
from tools.rehearse.ministack import HOST, Account
from tools.rehearse.steps import RehearsalFailed

API = "AWS::ApiGatewayV2::Api"
ANY_METHOD = "x-amazon-apigateway-any-method"
_FUNCTION = re.compile(r"\$\{(\w+)\.Arn\}")


class HttpApi:
    """A client of the API, with a bearer token once `token` is set."""

    def __init__(self, account: Account, deployment: Deployment) -> None:
        self.token = ""
        self._account = account
        self._deployment = deployment
        self._id = ""

    def create_routes(self) -> int:
        """Create the routes of the API's OpenAPI body, which ministack ignores. Returns their number."""
        template = self._deployment.processed_template()
        name, api = next(item for item in template["Resources"].items() if item[1]["Type"] == API)
        self._id = self._deployment.physical_id(name)
        gateway = self._account.client("apigatewayv2")
        targets: dict[str, str] = {}
        routes = 0
        for path, methods in api["Properties"]["Body"]["paths"].items():
            for method, operation in methods.items():
                integration = operation["x-amazon-apigateway-integration"]
                function = _FUNCTION.findall(json.dumps(integration["uri"]))[0]
                if function not in targets:
                    targets[function] = self._integrate(gateway, function, integration)
                key = f"{'ANY' if method == ANY_METHOD else method.upper()} {path}"
                gateway.create_route(ApiId=self._id, RouteKey=key, Target=targets[function])
                routes += 1
        return routes

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises RehearsalFailed for a status of 400 and above."""
        status, answer = self.answer(method, path, body)
        if status >= 400:
            raise RehearsalFailed(f"{method} {path} answered {status}: {json.dumps(answer)}")
        return answer

    def answer(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON, even of an error."""
        connection = http.client.HTTPConnection(HOST, self._account.port, timeout=40)
        headers = {
            "Host": f"{self._id}.execute-api.localhost:{self._account.port}",
            "Content-Type": "application/json",
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
        finally:
            connection.close()
        try:
            return status, json.loads(text) if text else None
        except ValueError as error:
            raise RehearsalFailed(
                f"{method} {path} answered {status} without JSON: {text[:200]!r}"
            ) from error

    def _integrate(self, gateway: Any, function: str, integration: dict[str, Any]) -> str:
        name = self._deployment.physical_id(function)
        arn = self._account.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        made = gateway.create_integration(
            ApiId=self._id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=arn,
            PayloadFormatVersion=integration["payloadFormatVersion"],
        )
        return f"integrations/{made['IntegrationId']}"
