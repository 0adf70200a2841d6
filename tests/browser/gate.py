"""Holds requests of a page back, as a slow network does."""

from playwright.sync_api import Page, Route


class Gate:
    """Holds back every request that matches `pattern`, until it is opened for later ones."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page, self._pattern = page, pattern
        self._held: list[Route] = []
        page.route(pattern, lambda route: self._held.append(route))

    def wait(self) -> None:
        """Wait until a request is held back."""
        while not self._held:
            self._page.wait_for_timeout(50)

    def open(self) -> None:
        self._page.unroute(self._pattern)
