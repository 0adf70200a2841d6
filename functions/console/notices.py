"""What an action did, said on the page that follows it."""

import base64
import json
from typing import TypedDict
from urllib.parse import quote

from console.links import is_path

COOKIE = "notice"
SECONDS = 20


class Notice(TypedDict):
    """`href` is a path of the console, with `link` as its text; both are empty without a next step."""

    text: str
    href: str
    link: str


def cookie(text: str, href: str = "", link: str = "") -> str:
    """A Set-Cookie value that carries the notice to the next page."""
    value = base64.urlsafe_b64encode(json.dumps([text, quote(href, safe="/?=&"), link]).encode()).decode()
    return f"{COOKIE}={value}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Strict"


def read(value: str | None) -> Notice | None:
    """The notice in the cookie; None for none, and for one that nobody here wrote.

    It is not signed: only this site's own answers set it, its text is escaped, its link stays on this site.
    """
    try:
        text, href, link = json.loads(base64.urlsafe_b64decode(value or ""))
        f"{text}{link}".encode()  # half of a surrogate pair is a ValueError
    except (ValueError, TypeError, RecursionError):
        return None
    if not all(isinstance(part, str) for part in (text, href, link)):
        return None
    local = is_path(href)
    return {"text": text, "href": href if local else "", "link": link if local else ""}


def forget() -> str:
    return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
