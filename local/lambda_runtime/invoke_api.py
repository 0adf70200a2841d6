"""Lambda's Invoke API, for `aws lambda invoke --endpoint-url` and boto3."""

import json

from aiohttp import web

from local.lambda_runtime.functions import Functions
from local.template.model import Function


class InvokeApi:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def routes(self) -> web.RouteTableDef:
        table = web.RouteTableDef()
        table.post("/2015-03-31/functions/{name}/invocations")(self._invoke)
        return table

    async def _invoke(self, request: web.Request) -> web.Response:
        name = request.match_info["name"].removesuffix(":$LATEST")
        function = self._functions.find(name)
        if function is None:
            return _error(404, "ResourceNotFoundException", f"Function not found: {name}")
        payload = await request.read() or b"{}"
        try:
            json.loads(payload)
        except ValueError as error:
            return _error(400, "InvalidRequestContentException", f"Could not parse request body: {error}")
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return web.Response(status=204)
        if kind == "Event":
            self._functions.invoke_async(function, payload)
            return web.Response(status=202)
        return await self._answer(function, payload)

    async def _answer(self, function: Function, payload: bytes) -> web.Response:
        result = await self._functions.invoke(function, payload)
        headers = {"X-Amz-Executed-Version": "$LATEST", "Content-Type": "application/json"}
        if result.error:
            headers["X-Amz-Function-Error"] = result.error
        return web.Response(body=result.payload, headers=headers)


def _error(status: int, kind: str, message: str) -> web.Response:
    headers = {"X-Amzn-ErrorType": kind}
    return web.json_response({"Type": "User", "Message": message}, status=status, headers=headers)
