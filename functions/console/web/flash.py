"""Flash messages: what an action did, shown on the next page."""

from typing import NamedTuple
from urllib.parse import quote

from slowmatch.http.auth import sessions
from slowmatch.http.request import Event

COOKIE = "notice"
MAX_AGE_SECONDS = 20


class FlashMessage(NamedTuple):
    """A sentence, and a link to the next step: a path of the console and its text, both empty without one."""

    text: str
    href: str = ""
    link: str = ""


def set_cookie(event: Event, message: FlashMessage) -> str:
    """The Set-Cookie value that carries the message. It is signed: nobody else can make a page say something."""
    signed = sessions.sign(COOKIE, message._replace(href=quote(message.href, safe="/?=&"))._asdict())
    return sessions.set_cookie(event, COOKIE, signed, MAX_AGE_SECONDS)


def read(event: Event) -> FlashMessage | None:
    """The message in the cookie; None without one, and for one that is forged or too old."""
    value = sessions.cookie(event, COOKIE)
    try:
        return FlashMessage(**sessions.unsign(COOKIE, value, MAX_AGE_SECONDS)) if value else None
    except sessions.InvalidCookie:
        return None
