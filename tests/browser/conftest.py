"""A real browser and the running stack, started once; a tab of its own for each test."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local import seed
from local.environment import Folders, Ports
from tests.browser import chromium
from tests.browser.past import Past
from tests.browser.tabs import DEADLINE_MS, Tabs
from tests.stack_process import Stack, running

expect.set_options(timeout=DEADLINE_MS)


# Of the package, not of the session: while playwright runs, no other test of this process can run asyncio.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.executable()
    if path is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(chromium.MISSING)
        pytest.skip(chromium.MISSING)
    with chromium.launched(path) as browser:
        yield browser


@pytest.fixture(scope="package")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Signs everybody on this machine in as admin."""
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="package")
def past(stack: Stack) -> Iterator[Past]:
    """Puts runs into the database as if they had come about before."""
    with seed.connect(Ports(stack.port), Folders(stack.data)) as con:
        yield Past(con)


@pytest.fixture
def tabs(browser: Browser, stack: Stack) -> Iterator[Tabs]:
    tabs = Tabs(browser, stack.address)
    yield tabs
    complaints = tabs.close()
    assert complaints == []


@pytest.fixture
def page(tabs: Tabs) -> Page:
    return tabs.open()


@pytest.fixture
def mailbox(stack: Stack) -> Iterator[Any]:
    """Sets how the mail server answers; in order again at the end."""

    def mode(name: str) -> None:
        assert stack.call("PUT", "/outbox/mode", {"mode": name})[0] < 300

    yield mode
    mode("accept")
