"""Lambda's Invoke API, for `aws lambda invoke --endpoint-url` and boto3; and where SNS delivers."""

import json

from aiohttp import web

from local.event_sources import sns
from local.lambda_runtime.functions import Functions
from local.template.model import Function


class InvokeApi:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def routes(self) -> web.RouteTableDef:
        table = web.RouteTableDef()
        table.post("/2015-03-31/functions/{name}/invocations")(self._invoke)
        table.post(sns.PATH + "{name}")(self._notify)
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

    async def _notify(self, request: web.Request) -> web.Response:
        function = self._functions.find(request.match_info["name"])
        if function is None:
            return web.Response(status=404)
        try:
            event = sns.event(await request.read())
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        if event is not None:
            self._functions.invoke_async(function, json.dumps(event).encode())
        return web.Response()


def _error(status: int, kind: str, message: str) -> web.Response:
    headers = {"X-Amzn-ErrorType": kind}
    return web.json_response({"Type": "User", "Message": message}, status=status, headers=headers)
