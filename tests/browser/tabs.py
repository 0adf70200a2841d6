"""Tabs of the browser that complain: about errors in the console, in scripts, and about what the policy forbids."""

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Error, Page

DEADLINE_MS = 20_000
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@dataclass
class Tabs:
    """Opens tabs that share nothing, and knows what went wrong in them."""

    browser: Browser
    address: str
    expected: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "", **options: Any) -> Page:
        """A tab of a context of its own; `options` are those of playwright's new_context."""
        context = self.browser.new_context(
            **{"base_url": self.address, "viewport": WIDE, "locale": "en-GB", "timezone_id": "Europe/Berlin"}
            | options
        )
        context.set_default_timeout(DEADLINE_MS)
        page = context.new_page()
        page.on("console", self._note_console)
        page.on("pageerror", self._note_error)
        if path:
            page.goto(path)
        return page

    def expect(self, *patterns: str) -> None:
        """Complaints that match one of these are what the test is about."""
        self.expected += patterns

    def close(self) -> list[str]:
        """Close all tabs; the complaints that nobody expected."""
        for context in self.browser.contexts:
            context.close()
        return [text for text in self.complaints if not any(re.search(each, text) for each in self.expected)]

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _note_error(self, error: Error) -> None:
        self.complaints.append(f"page error: {error}")
