"""Holds requests of a page back until the test lets them through."""

from playwright.sync_api import Page, Route


class Gate:
    """Stops every request that matches `pattern`, until it is opened."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page, self._pattern = page, pattern
        self._held: list[Route] = []
        page.route(pattern, self._held.append)

    def wait(self) -> None:
        """Wait until a request is held back."""
        while not self._held:
            self._page.wait_for_timeout(50)

    def open(self) -> None:
        """Drop what was held back, and let everything else through."""
        self._page.unroute(self._pattern)
        for route in self._held:
            route.abort()
