"""Finds and starts the Chromium of this machine, for tests and screenshots."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first has no windows to draw, and takes two thirds of the time of the others."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = (
    f"no Chromium was found: none of {', '.join(NAMES)} is on PATH, and CHROMIUM names none; on Debian:"
    " apt-get install chromium-headless-shell"
)


def executable() -> str | None:
    """CHROMIUM, or the first that is on PATH."""
    wanted = os.environ.get("CHROMIUM")
    found = (shutil.which(name) for name in ((wanted,) if wanted else NAMES))
    return next(filter(None, found), None)


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
