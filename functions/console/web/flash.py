"""Flash messages: what an action did, shown on the next page.

Each message has a cookie of its own: actions that are answered at nearly the same time do not overwrite each other's.
"""

import re
import secrets
from typing import NamedTuple
from urllib.parse import quote

from slowmatch.http.auth import sessions
from slowmatch.http.request import Event

KIND = "notice"
MAX_AGE_SECONDS = 20
_COOKIE = re.compile(rf"{KIND}-[0-9a-f]{{8}}")


class FlashMessage(NamedTuple):
    """A sentence, and a link to the next step: a path of the console and its text, both empty without one."""

    text: str
    href: str = ""
    link: str = ""


def set_cookie(event: Event, message: FlashMessage) -> str:
    """The Set-Cookie value that carries the message. It is signed: nobody else can make a page say something."""
    signed = sessions.sign(KIND, message._replace(href=quote(message.href, safe="/?=&"))._asdict())
    return sessions.set_cookie(event, f"{KIND}-{secrets.token_hex(4)}", signed, MAX_AGE_SECONDS)


def read(event: Event) -> dict[str, FlashMessage]:
    """The messages by their cookies' kinds, the oldest first, without those that are forged or too old."""
    found = {}
    for kind in filter(_COOKIE.fullmatch, sessions.cookie_kinds(event)):
        try:
            value = sessions.unsign(KIND, sessions.cookie(event, kind) or "", MAX_AGE_SECONDS)
        except sessions.InvalidCookie:
            continue
        found[kind] = FlashMessage(**value)
    return found
