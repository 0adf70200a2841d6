"""A plugin of pytest that waits before each step in a page, as a busy machine does.

Pages refresh every two seconds. A test that passes only if no refresh comes between two of its steps fails with

    make test WORKERS=6 TESTS="-p tests.browser.slowly tests/browser"
"""

from typing import Any

from playwright.sync_api import Locator, Page

PAUSE_MS = 2_500
STEPS = {
    Locator: ("all_inner_texts", "check", "click", "evaluate", "fill", "press", "select_option"),
    Page: ("evaluate", "route", "unroute_all"),
}


def slowed(step: Any) -> Any:
    def wait_and_do(place: Locator | Page, *args: Any, **options: Any) -> Any:
        (place.page if isinstance(place, Locator) else place).wait_for_timeout(PAUSE_MS)
        return step(place, *args, **options)

    return wait_and_do


for kind, names in STEPS.items():
    for name in names:
        setattr(kind, name, slowed(getattr(kind, name)))
