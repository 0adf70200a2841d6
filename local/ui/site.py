"""The routes of the stack itself: start page, state, and the outbox with its fault switch."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.http_pages import add_assets, html, page
from local.http_server import json_response
from local.services.outbox import Outbox
from local.services.smtp import MEANINGS, MailServer
from local.ui import pages

_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


class Site:
    """`state` returns the document of /local/state."""

    def __init__(
        self, outbox: Outbox, mail_server: MailServer, state: Callable[[], Awaitable[dict[str, Any]]]
    ) -> None:
        self._outbox = outbox
        self._mail_server = mail_server
        self._state = state

    def routes(self) -> web.RouteTableDef:
        table = web.RouteTableDef()
        table.get("/local")(self.start_page)
        table.get("/local/state")(self._state_json)
        add_assets(table)
        table.get("/outbox")(self._outbox_page)
        table.delete("/outbox")(self._clear)
        table.get("/outbox.json")(self._outbox_json)
        table.get("/outbox/mode")(self._get_mode)
        table.put("/outbox/mode")(self._set_mode)
        table.get("/outbox/{id}")(self._mail_page)
        table.get("/outbox/{id}/html")(self._mail_html)
        return table

    async def start_page(self, _: web.Request) -> web.Response:
        return html(pages.start(await self._state()))

    async def _state_json(self, _: web.Request) -> web.Response:
        return json_response(await self._state())

    async def _outbox_page(self, request: web.Request) -> web.Response:
        return html(pages.outbox(self._outbox.all(), self._mail_server.mode, request.host))

    async def _outbox_json(self, _: web.Request) -> web.Response:
        return json_response([mail.as_json() for mail in self._outbox.all()])

    async def _clear(self, _: web.Request) -> web.Response:
        return json_response({"removed": self._outbox.clear()})

    async def _get_mode(self, _: web.Request) -> web.Response:
        return json_response({"mode": self._mail_server.mode})

    async def _set_mode(self, request: web.Request) -> web.Response:
        try:
            document = await request.json()
        except ValueError:
            document = None
        mode = document.get("mode") if isinstance(document, dict) else None
        if mode not in MEANINGS:
            return _message(400, f'send {{"mode": ...}} with one of {", ".join(MEANINGS)}')
        self._mail_server.mode = mode
        return json_response({"mode": mode})

    async def _mail_page(self, request: web.Request) -> web.Response:
        mail = self._outbox.get(request.match_info["id"])
        if mail is None:
            gone = "<p>There is no such mail in the outbox. <a href='/outbox'>Go to the outbox</a></p>"
            return html(page("No such mail", gone), status=404)
        return html(pages.mail(mail))

    async def _mail_html(self, request: web.Request) -> web.Response:
        mail = self._outbox.get(request.match_info["id"])
        if mail is None or mail.html is None:
            return _message(404, "Not Found")
        return html(mail.html, _MAIL_POLICY)


def _message(status: int, text: str) -> web.Response:
    return json_response({"message": text}, status=status)
