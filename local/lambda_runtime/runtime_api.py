"""Lambda's Runtime API on loopback, from which awslambdaric in a function's process fetches invocations.

Each process gets a separate port: the API's requests do not say which process sends them.
"""

import asyncio
import socket
from typing import Protocol

from aiohttp import web

from local.environment import HOST
from local.http_server import application
from local.lambda_runtime.invocation import Invocation

_RECEIVED = {"status": "OK"}
# More than Lambda's 6 MB, so that a larger answer gets Lambda's error.
_MAX_ANSWER_BYTES = 64 * 1024 * 1024


class Client(Protocol):
    """What the API needs of a worker."""

    async def next_invocation(self) -> Invocation: ...

    def succeeded(self, request_id: str, payload: bytes) -> None: ...

    def failed(self, request_id: str, payload: bytes) -> None: ...

    def init_failed(self, payload: bytes) -> None: ...


class Endpoint:
    """The port of one process; `client` is set once the process exists."""

    def __init__(self, site: web.SockSite, port: int) -> None:
        self.address = f"{HOST}:{port}"
        self.port = port
        self.client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._site = site

    async def close(self) -> None:
        await self._site.stop()


class RuntimeApi:
    def __init__(self) -> None:
        app = application(links=False, client_max_size=_MAX_ANSWER_BYTES)
        app.router.add_get("/2018-06-01/runtime/invocation/next", self._next)
        app.router.add_post("/2018-06-01/runtime/invocation/{id}/response", self._response)
        app.router.add_post("/2018-06-01/runtime/invocation/{id}/error", self._error)
        app.router.add_post("/2018-06-01/runtime/init/error", self._init_error)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        self._endpoints: dict[int, Endpoint] = {}

    async def start(self) -> None:
        await self._runner.setup()

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def open(self) -> Endpoint:
        listener = socket.create_server((HOST, 0))
        site = web.SockSite(self._runner, listener)
        await site.start()
        endpoint = Endpoint(site, listener.getsockname()[1])
        self._endpoints[endpoint.port] = endpoint
        return endpoint

    async def close(self, endpoint: Endpoint) -> None:
        del self._endpoints[endpoint.port]
        await endpoint.close()

    async def _client(self, request: web.Request) -> Client:
        transport = request.transport
        port = transport.get_extra_info("sockname")[1] if transport else None
        if port not in self._endpoints:
            raise web.HTTPGone
        return await self._endpoints[port].client

    async def _next(self, request: web.Request) -> web.Response:
        client = await self._client(request)
        invocation = await client.next_invocation()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
            "Content-Type": "application/json",
        }
        return web.Response(body=invocation.payload, headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        (await self._client(request)).succeeded(request.match_info["id"], await request.read())
        return web.json_response(_RECEIVED, status=202)

    async def _error(self, request: web.Request) -> web.Response:
        (await self._client(request)).failed(request.match_info["id"], await request.read())
        return web.json_response(_RECEIVED, status=202)

    async def _init_error(self, request: web.Request) -> web.Response:
        (await self._client(request)).init_failed(await request.read())
        return web.json_response(_RECEIVED, status=202)
