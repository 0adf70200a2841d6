"""Holds requests of a page back, as a slow network does."""

from typing import Self

from playwright.sync_api import Page, Route

from tests.browser.tabs import DEADLINE_MS

PAUSE_MS = 50


class Gate:
    """Holds back every request of a page whose address matches `pattern`, a glob."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page, self._pattern = page, pattern
        self.held: list[Route] = []
        page.route(pattern, lambda route: self.held.append(route))

    def wait(self, count: int = 1) -> Self:
        """Wait until `count` requests are held back."""
        for _ in range(DEADLINE_MS // PAUSE_MS):
            if len(self.held) >= count:
                return self
            self._page.wait_for_timeout(PAUSE_MS)
        raise AssertionError(f"{len(self.held)} requests for {self._pattern} were held back, not {count}")

    def open(self) -> None:
        """Let all requests through. Chromium then sends those that were held back, too."""
        self._page.unroute(self._pattern)
