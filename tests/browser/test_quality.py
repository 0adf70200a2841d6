"""What holds for every page: no error in the browser, small, narrow, readable, usable with a keyboard."""

from tests.browser.tabs import Tabs


def test_the_dashboard_opens(tabs: Tabs) -> None:
    page = tabs.open("/dashboard")
    assert "Dashboard" in page.title()
