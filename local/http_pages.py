"""HTML pages of the stack itself: their frame, tables, style sheet, and security headers."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from aiohttp import web

STYLESHEET = "/local/style.css"
PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'"


def page(title: str, body: str, links: bool = True) -> str:
    nav = '<nav><a href="/local">Stack</a> <a href="/outbox">Outbox</a></nav>' if links else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - Slowmatch</title>
<link rel="stylesheet" href="{STYLESHEET}">
</head>
<body>
<header><a class="name" href="/">Slowmatch</a> <span class="muted">on this machine</span>
{nav}</header>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], empty: str) -> str:
    """Cells are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    if not body:
        return f'<p class="muted">{empty}</p>'
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


async def stylesheet(_: web.Request) -> web.FileResponse:
    return web.FileResponse(Path(__file__).with_name("style.css"))


def html(text: str, policy: str = PAGE_POLICY) -> web.Response:
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)
