"""Browser tabs that collect errors: of the browser's console, of scripts and of the content security policy."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, ViewportSize

DEADLINE_MS = 60_000
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}


@dataclass
class Tabs:
    """Opens tabs at `address` and collects what goes wrong in them.

    Ordinary tabs share the context of their address in `usual`, with its cache; its cookies are cleared at the end.
    """

    browser: Browser
    address: str
    usual: dict[str, BrowserContext]
    own: list[BrowserContext] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "", *, own: bool = False, **options: Any) -> Page:
        """Open a tab at `path`. With `own`, or `options` for playwright's new_context, it shares no context."""
        page = (self._private(**options) if own or options else self._shared()).new_page()
        page.on("console", self._note_console)
        page.on("pageerror", self._note_error)
        if path:
            page.goto(path)
        return page

    def expect(self, *patterns: str) -> None:
        """Ignore complaints that match one of these patterns: the test provokes them."""
        self.expected += patterns

    def close(self) -> list[str]:
        """Close all tabs, clear all cookies, and return the unexpected complaints."""
        for each in self.own:
            each.close()
        if self.address in self.usual:
            for page in self.usual[self.address].pages:
                page.close()
            self.usual[self.address].clear_cookies()
        return [text for text in self.complaints if not any(re.search(each, text) for each in self.expected)]

    def _shared(self) -> BrowserContext:
        if self.address not in self.usual:
            self.usual[self.address] = self._context()
        return self.usual[self.address]

    def _context(self, **options: Any) -> BrowserContext:
        usual = {"viewport": WIDE, "locale": "en-GB", "timezone_id": "Europe/Berlin"}
        made = self.browser.new_context(**{"base_url": self.address} | usual | options)
        made.set_default_timeout(DEADLINE_MS)
        return made

    def _private(self, **options: Any) -> BrowserContext:
        self.own.append(self._context(**options))
        return self.own[-1]

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _note_error(self, error: Error) -> None:
        self.complaints.append(f"page error: {error}")


@contextmanager
def assert_no_complaints(tabs: Tabs) -> Iterator[Tabs]:
    """Assert at the end that nothing unexpected went wrong."""
    yield tabs
    complaints = tabs.close()
    assert complaints == [], "\n".join(complaints)
