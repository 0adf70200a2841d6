"""The base of all HTTP servers of the stack, except moto's."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.cross_origin import refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(*, links: bool, **options: Any) -> web.Application:
    """An application that refuses requests of other sites' pages; `links` as in `cross_origin.refusal`."""

    @web.middleware
    async def refuse_other_sites(request: web.Request, handler: Handler) -> web.StreamResponse:
        reason = refusal(request.method, request.headers, links=links)
        return (
            await handler(request) if reason is None else web.json_response({"message": reason}, status=403)
        )

    return web.Application(middlewares=[refuse_other_sites], **options)
