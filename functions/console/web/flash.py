"""What an action did, said on the page that follows it."""

from typing import TypedDict
from urllib.parse import quote

from slowmatch.http.auth import sessions

COOKIE = "notice"
SECONDS = 20


class Notice(TypedDict):
    """`href` is a path of the console, with `link` as its text; both are empty without a next step."""

    text: str
    href: str
    link: str


def cookie(text: str, href: str = "", link: str = "") -> str:
    """A Set-Cookie value that carries the notice to the next page.

    It is signed: a page says nothing in this site's name that somebody else put into the browser.
    """
    said = Notice(text=text, href=quote(href, safe="/?=&"), link=link)
    return f"{COOKIE}={sessions.sign(COOKIE, said)}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Strict"


def read(value: str | None) -> Notice | None:
    """The notice in the cookie; None for none, and for one that nobody here wrote just now."""
    if not value:
        return None
    try:
        found = sessions.unsign(COOKIE, value, SECONDS)
    except sessions.InvalidCookie:
        return None
    return Notice(text=found["text"], href=found["href"], link=found["link"])


def forget() -> str:
    return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
