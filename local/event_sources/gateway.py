"""The server on the main port: the HTTP API, and the routes that it is given (Invoke API, SNS, outbox, pages)."""

import asyncio
import json
from collections.abc import Iterable

from aiohttp import web
from multidict import CIMultiDict

from local.environment import HOST
from local.event_sources import http_api
from local.event_sources.routes import Match, Routes
from local.http_server import Handler, application
from local.lambda_runtime.functions import Functions
from local.template.model import Template

MAX_BODY_BYTES = 6 * 1024 * 1024
API_TIMEOUT_SECONDS = 30.0
_CONNECTION_HEADERS = {"connection", "content-length", "transfer-encoding"}


class Gateway:
    """`start_page` answers `GET /` if the template has no such route."""

    def __init__(
        self,
        port: int,
        *,
        template: Template,
        functions: Functions,
        start_page: Handler,
        others: Iterable[web.AbstractRouteDef],
    ) -> None:
        self._port = port
        self._routes = Routes(template.functions)
        self._functions = functions
        self._start_page = start_page
        app = application(links=True, client_max_size=MAX_BODY_BYTES)
        app.router.add_routes(others)
        app.router.add_route("*", "/{path:(?s:.*)}", self._api)
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, handle_signals=False, shutdown_timeout=0.5
        )

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _api(self, request: web.Request) -> web.StreamResponse:
        match = self._routes.match(request.method, request.rel_url.raw_path)
        if match is not None:
            return _web(await self._answer(request, match))
        if request.method == "GET" and request.path == "/":
            return await self._start_page(request)
        return _web(http_api.message(404, "Not Found"))

    async def _answer(self, request: web.Request, match: Match) -> http_api.Response:
        try:
            payload = json.dumps(http_api.event(await _read(request), match)).encode()
        except web.HTTPRequestEntityTooLarge:
            payload = b""
        if not 0 < len(payload) <= MAX_BODY_BYTES:
            return http_api.message(413, "Request Entity Too Large")
        try:
            # As on AWS, a function that takes longer continues, but its answer is lost.
            result = await asyncio.wait_for(
                self._functions.invoke(match.function, payload), API_TIMEOUT_SECONDS
            )
        except TimeoutError:
            return http_api.message(503, "Service Unavailable")
        if result.error:
            return http_api.message(500, "Internal Server Error")
        return http_api.response(result.payload)


async def _read(request: web.Request) -> http_api.Request:
    return http_api.Request(
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        headers=list(request.headers.items()),
        body=await request.read(),
        source_ip=request.remote or HOST,
    )


def _web(response: http_api.Response) -> web.Response:
    headers = CIMultiDict(pair for pair in response.headers if pair[0].lower() not in _CONNECTION_HEADERS)
    return web.Response(status=response.status, headers=headers, body=response.body)
