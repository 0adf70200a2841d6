"""A Chromium and a running stack, started once, and a tab for each test."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.environment import Folders, Ports
from local.seed import records
from tests.browser import chromium
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import DEADLINE_MS, Tabs, assert_no_complaints
from tests.support.stack_process import Stack, running

LINES = (("INFO", "12 records are to go"), ("WARNING", "one of them is locked"))

SCHEDULE = "a-schedule-with-a-very-long-name-that-leaves-no-room-for-the-rest"[:64]

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
    """A stack that signs in everybody on this machine as an admin."""
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="package")
def run_factory(stack: Stack) -> Iterator[RunFactory]:
    """Makes runs in the database of the stack."""
    with records.connect(Ports(stack.port), Folders(stack.data)) as con:
        yield RunFactory(con)


@pytest.fixture(scope="package")
def sample_data(stack: Stack, run_factory: RunFactory) -> dict[str, Any]:
    """Records, a schedule, and runs in every state; the ids of a record and of a run in each state."""
    for number in range(30):
        stack.add_record(f"Contract no. {number}", timedelta(days=number * 3 - 10))
    stack.wait(stack.trigger("record-expiry")["id"], "succeeded")
    record = stack.add_record("Certificate of a very long name " * 6, timedelta(hours=5))
    schedule = {"job": "db-cleanup", "expression": "cron(0 7 * * ? *)", "time_zone": "Europe/Berlin"}
    stack.call("PUT", f"/api/schedules/{SCHEDULE}", schedule)
    return {"record": record["id"], "schedule": SCHEDULE} | {
        state: run_factory.make(state, retries=2, lines=LINES, progress={"done": 3, "total": 9}, by="Ada")
        for state in ("enqueued", "scheduled", "processing", "succeeded", "failed", "deleted")
    }


@pytest.fixture(scope="package")
def usual() -> dict[str, BrowserContext]:
    """The browser context that ordinary tabs share, by the address of their stack."""
    return {}


@pytest.fixture
def tabs(browser: Browser, stack: Stack, usual: dict[str, BrowserContext]) -> Iterator[Tabs]:
    with assert_no_complaints(Tabs(browser, stack.address, usual)) as tabs:
        yield tabs


@pytest.fixture
def page(tabs: Tabs) -> Page:
    return tabs.open()


@pytest.fixture
def mailbox(stack: Stack) -> Iterator[Any]:
    """Sets how the mail server answers, and resets it at the end."""

    def mode(name: str) -> None:
        assert stack.call("PUT", "/outbox/mode", {"mode": name})[0] < 300

    yield mode
    mode("accept")
