"""Lambda's Runtime API on loopback: where awslambdaric in a function's process fetches its invocations.

Every process has a listening port of its own, which tells it apart: the API has no other way to.
"""

import asyncio
from typing import Protocol

from aiohttp import web

from local.environment import HOST
from local.invocation import Invocation

_RECEIVED = {"status": "OK"}


class Client(Protocol):
    """What the API needs of the object that stands for a function's process."""

    async def next_invocation(self) -> Invocation: ...

    def succeeded(self, request_id: str, payload: bytes) -> None: ...

    def failed(self, request_id: str, payload: bytes) -> None: ...

    def init_failed(self, payload: bytes) -> None: ...


class RuntimeApi:
    def __init__(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/2018-06-01/runtime/invocation/next", self._next)
        app.router.add_post("/2018-06-01/runtime/invocation/{id}/response", self._response)
        app.router.add_post("/2018-06-01/runtime/invocation/{id}/error", self._error)
        app.router.add_post("/2018-06-01/runtime/init/error", self._init_error)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        self._clients: dict[int, Client] = {}
        self._sites: dict[int, web.SockSite] = {}

    async def start(self) -> None:
        await self._runner.setup()

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def register(self, client: Client) -> int:
        """A new listening port that is `client`'s alone."""
        import socket

        listener = socket.create_server((HOST, 0))
        site = web.SockSite(self._runner, listener)
        await site.start()
        port: int = listener.getsockname()[1]
        self._clients[port] = client
        self._sites[port] = site
        return port

    async def unregister(self, port: int) -> None:
        del self._clients[port]
        await self._sites.pop(port).stop()

    def _client(self, request: web.Request) -> Client:
        address = request.transport.get_extra_info("sockname") if request.transport else None
        client = self._clients.get(address[1]) if address else None
        if client is None:
            raise web.HTTPGone()
        return client

    async def _next(self, request: web.Request) -> web.Response:
        try:
            invocation = await self._client(request).next_invocation()
        except asyncio.CancelledError:
            raise web.HTTPGone() from None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
            "Content-Type": "application/json",
        }
        return web.Response(body=invocation.payload, headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        self._client(request).succeeded(request.match_info["id"], await request.read())
        return web.json_response(_RECEIVED, status=202)

    async def _error(self, request: web.Request) -> web.Response:
        self._client(request).failed(request.match_info["id"], await request.read())
        return web.json_response(_RECEIVED, status=202)

    async def _init_error(self, request: web.Request) -> web.Response:
        self._client(request).init_failed(await request.read())
        return web.json_response(_RECEIVED, status=202)
