"""HTML pages of the stack itself, in the console's design: their frame, tables, style sheet, and security headers."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from aiohttp import web

STYLESHEET = "/local/style.css"
THEME = "/local/preferences.js"
PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; frame-src 'self'"
_CONSOLE_STATIC = Path(__file__).parents[1] / "functions" / "console" / "static"
_MAIN = (("/records", "Records"), ("/jobs", "Jobs"), ("/dashboard", "Dashboard"))
_STACK = (("/local", "Stack"), ("/outbox", "Outbox"))


def page(title: str, body: str, links: bool = True) -> str:
    """`links` are those to the console and the other pages, which the sign-in provider's port does not have."""
    bar = (
        f'<nav aria-label="Main">{_links(_MAIN)}</nav>'
        f'<nav class="who" aria-label="This machine">{_links(_STACK)}</nav>'
        if links
        else '<span class="who">on this machine</span>'
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · Slowmatch</title>
<link rel="stylesheet" href="{STYLESHEET}">
<script src="{THEME}"></script>
</head>
<body>
<header class="top"><a class="name" href="/"><span class="ember" aria-hidden="true"></span>Slowmatch</a>{bar}</header>
<main id="main" class="own">
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def _links(pages: Iterable[tuple[str, str]]) -> str:
    return " ".join(f'<a href="{path}">{name}</a>' for path, name in pages)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], empty: str) -> str:
    """Cells are HTML already."""
    labels = [escape(heading) for heading in headings]
    body = "".join(f"<tr>{''.join(map(_cell, labels, row))}</tr>\n" for row in rows)
    if not body:
        return f'<p class="muted">{empty}</p>'
    head = "".join(f"<th>{label}</th>" for label in labels)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _cell(label: str, html: str) -> str:
    return f'<td data-label="{label}">{html}</td>'


def add_assets(routes: web.RouteTableDef) -> None:
    """The console's design and choice of theme, read from its files: these pages also work while it does not."""
    routes.get(STYLESHEET)(_stylesheet)
    routes.get(THEME)(_theme)


async def _stylesheet(_: web.Request) -> web.Response:
    files = (_CONSOLE_STATIC / "css" / "base.css", Path(__file__).with_name("style.css"))
    return web.Response(
        text="\n".join(file.read_text(encoding="utf-8") for file in files), content_type="text/css"
    )


async def _theme(_: web.Request) -> web.FileResponse:
    return web.FileResponse(_CONSOLE_STATIC / "js" / "head" / "preferences.js")


def html(text: str, policy: str = PAGE_POLICY, status: int = 200) -> web.Response:
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)
