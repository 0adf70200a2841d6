"""The door of every port that a browser may reach: it is for this machine's own pages and programs."""

from collections.abc import Awaitable, Callable

from aiohttp import web

REFUSAL = "Only pages and programs on this machine may use the local stack"
_NAMES = {"localhost", "127.0.0.1", "[::1]"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Who reaches the port may do everything, so no page on the internet may, through its visitor's browser.

    Such a page says so in its Origin; or its site's name leads here, and is then the Host.
    """
    origin = request.headers.get("Origin")
    names = {_name(request.host)} | ({_name(origin.partition("://")[2])} if origin else set())
    if names <= _NAMES:
        return await handler(request)
    return web.json_response({"message": REFUSAL}, status=403)


def _name(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host
