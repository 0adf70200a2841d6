"""What listens on the main port: the HTTP API, Lambda's Invoke API, SNS deliveries, the outbox, the stack's state."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args

from aiohttp import web

from local import http_api, pages, sns
from local.environment import HOST, Ports
from local.http_api import Routes
from local.lambda_api import Lambda
from local.outbox import Outbox
from local.resources import Template
from local.smtp import Catcher, Mode

MAXIMUM_BODY = 6 * 1024 * 1024
API_TIMEOUT_SECONDS = 30.0
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}
_PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'"
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """`state` gives the document of /local/state."""

    def __init__(
        self,
        ports: Ports,
        template: Template,
        functions: Lambda,
        outbox: Outbox,
        catcher: Catcher,
        state: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self._port = ports.gateway
        self._routes = Routes(template.functions)
        self._functions = functions
        self._outbox = outbox
        self._catcher = catcher
        self._state = state
        app = web.Application(client_max_size=MAXIMUM_BODY, middlewares=[_only_from_here])
        app.router.add_post("/2015-03-31/functions/{name}/invocations", self._invoke)
        app.router.add_post(sns.PATH + "{name}", self._notify)
        app.router.add_get("/local", self._start_page)
        app.router.add_get("/local/state", self._state_json)
        app.router.add_get("/local/style.css", self._stylesheet)
        app.router.add_get("/outbox", self._outbox_page)
        app.router.add_delete("/outbox", self._clear_outbox)
        app.router.add_get("/outbox.json", self._outbox_json)
        app.router.add_put("/outbox/mode", self._set_mode)
        app.router.add_get("/outbox/{id}", self._mail_page)
        app.router.add_get("/outbox/{id}/html", self._mail_html)
        app.router.add_route("*", "/{path:.*}", self._api)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    # the HTTP API

    async def _api(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        match = self._routes.match(request.method, path)
        if match is None:
            if request.method == "GET" and path == "/":
                return await self._start_page(request)
            return _web(http_api.message(404, "Not Found"))
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _web(http_api.message(413, "Request Entity Too Large"))
        event = http_api.event(
            http_api.Request(
                method=request.method,
                path=path,
                query=request.rel_url.raw_query_string,
                headers=list(request.headers.items()),
                body=body,
                source_ip=request.remote or HOST,
            ),
            match,
        )
        payload = json.dumps(event).encode()
        if len(payload) > MAXIMUM_BODY:
            return _web(http_api.message(413, "Request Entity Too Large"))
        invocation = asyncio.create_task(self._functions.pool_of(match.function).invoke(payload))
        try:
            # As in the cloud, a function that takes longer goes on; only nobody waits for it.
            result = await asyncio.wait_for(asyncio.shield(invocation), API_TIMEOUT_SECONDS)
        except TimeoutError:
            return _web(http_api.message(503, "Service Unavailable"))
        if result.error:
            return _web(http_api.message(500, "Internal Server Error"))
        return _web(http_api.response(result.payload))

    # Lambda's Invoke API, and SNS

    async def _invoke(self, request: web.Request) -> web.Response:
        name = request.match_info["name"].removesuffix(":$LATEST")
        pool = self._functions.pool(name)
        if pool is None:
            return _lambda_error(404, "ResourceNotFoundException", f"Function not found: {name}")
        payload = await request.read() or b"{}"
        try:
            json.loads(payload)
        except ValueError as error:
            return _lambda_error(
                400, "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            )
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return web.Response(status=204)
        if kind == "Event":
            await self._functions.invoke_async(name, payload)
            return web.Response(status=202)
        result = await asyncio.shield(asyncio.create_task(pool.invoke(payload)))
        headers = {"X-Amz-Executed-Version": "$LATEST", "Content-Type": "application/json"}
        if result.error:
            headers["X-Amz-Function-Error"] = result.error
        return web.Response(body=result.payload, headers=headers)

    async def _notify(self, request: web.Request) -> web.Response:
        try:
            event = sns.event(await request.read())
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        if event is not None:
            await self._functions.invoke_async(request.match_info["name"], json.dumps(event).encode())
        return web.Response()

    # the stack's own pages

    async def _start_page(self, _: web.Request) -> web.Response:
        return _html(pages.start(await self._state()))

    async def _state_json(self, _: web.Request) -> web.Response:
        return web.json_response(await self._state())

    async def _stylesheet(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(Path(__file__).parent / "static" / "style.css")

    async def _outbox_page(self, _: web.Request) -> web.Response:
        return _html(pages.outbox(self._outbox.all(), self._catcher.mode))

    async def _outbox_json(self, _: web.Request) -> web.Response:
        return web.json_response([mail.as_json() for mail in self._outbox.all()])

    async def _clear_outbox(self, _: web.Request) -> web.Response:
        return web.json_response({"removed": self._outbox.clear()})

    async def _set_mode(self, request: web.Request) -> web.Response:
        try:
            document = await request.json()
            mode = document.get("mode") if isinstance(document, dict) else None
        except ValueError:
            mode = None
        if mode not in get_args(Mode):
            return http_json(400, {"message": f"mode must be one of {', '.join(get_args(Mode))}"})
        self._catcher.mode = mode
        return web.json_response({"mode": mode})

    async def _mail_page(self, request: web.Request) -> web.Response:
        mail = self._outbox.get(request.match_info["id"])
        return _html(pages.mail(mail)) if mail else http_json(404, {"message": "Not Found"})

    async def _mail_html(self, request: web.Request) -> web.Response:
        mail = self._outbox.get(request.match_info["id"])
        if mail is None or mail.html is None:
            return http_json(404, {"message": "Not Found"})
        return _html(mail.html, _MAIL_POLICY)


@web.middleware
async def _only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whoever reaches this port may do everything: so no web page on the internet may, through the visitor's browser."""
    origin = request.headers.get("Origin")
    names = {_name(request.host)} | ({_name(origin.partition("://")[2])} if origin else set())
    if not names <= _LOOPBACK_NAMES:
        return http_json(403, {"message": "Only pages and programs on this machine may use the local stack"})
    return await handler(request)


def _name(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _web(response: http_api.Response) -> web.Response:
    result = web.Response(status=response.status, body=response.body)
    del result.headers["Content-Type"]
    for name, value in response.headers:
        result.headers.add(name, value)
    return result


def _html(text: str, policy: str = _PAGE_POLICY) -> web.Response:
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


def http_json(status: int, document: dict[str, str]) -> web.Response:
    return web.json_response(document, status=status)


def _lambda_error(status: int, kind: str, message: str) -> web.Response:
    response = web.json_response({"Type": "User", "Message": message}, status=status)
    response.headers["X-Amzn-ErrorType"] = kind
    return response
