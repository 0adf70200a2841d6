"""The base of all HTTP servers of the stack, except moto's."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from local.cross_origin import refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_body(value: Any) -> str:
    """`value` in the form of the HTTP API's answers."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


json_response = partial(web.json_response, dumps=json_body)


def application(*, links: bool, **options: Any) -> web.Application:
    """An application that refuses requests of other sites' pages; `links` as in `cross_origin.refusal`."""

    @web.middleware
    async def refuse_other_sites(request: web.Request, handler: Handler) -> web.StreamResponse:
        reason = refusal(request.method, request.headers, links=links)
        return await handler(request) if reason is None else json_response({"message": reason}, status=403)

    return web.Application(middlewares=[refuse_other_sites], **options)
