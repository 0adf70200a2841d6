"""A database that does not answer in time: the page says so, in the console's design, before the gateway gives up."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from console.web import time_limit
from slowmatch.db import Connection
from tests.integration.console.conftest import FakeBrowser


@pytest.fixture
def locked(postgres: Any, environment: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Keeps a table locked within a block. The limits are long enough to come to it on a slow machine."""
    monkeypatch.setattr(time_limit, "PAGE_SECONDS", 3)
    monkeypatch.setattr(time_limit, "ACTION_SECONDS", 3)

    @contextmanager
    def lock(table: str) -> Iterator[None]:
        with closing(postgres.connect(environment.db_name)) as other:
            other.run("BEGIN")
            other.run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    return lock


@contextmanager
def frozen(con: Connection) -> Iterator[None]:
    """Stop the server's process of the connection, which then answers nothing."""
    ((pid,),) = con.query("SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("path", "table", "part"),
    [
        ("/dashboard/failed", "job_run", "Reading the runs"),
        ("/records", "record", "Reading the records"),
        ("/dashboard/activity", "job_event", "Reading the activity"),
    ],
)
def test_the_page_says_which_part_was_too_slow(
    browser: FakeBrowser, locked: Callable[[str], Any], path: str, table: str, part: str
) -> None:
    with locked(table):
        page = browser.get(path)
    assert page.status == 504
    assert f"{part} took longer than ten seconds." in page.text
    assert f'href="{path}">Try again</a>' in page.text and "<main" in page.text


def test_a_frozen_database_is_not_waited_for(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browser.get("/records").status == 200
    with frozen(con), monkeypatch.context() as patched:
        patched.setattr(time_limit, "PAGE_SECONDS", 1)
        assert browser.get("/records").status == 504
    assert browser.get("/records").status == 200


def test_an_action_without_an_answer_may_have_been_done(
    browser: FakeBrowser, locked: Callable[[str], Any]
) -> None:
    with locked("record"):
        page = browser.post("/records", {"title": "Passport", "expiry_date": "2030-01-01T00:00"})
    assert page.status == 504
    assert "This may or may not have been done." in page.text
    assert 'href="/dashboard/activity"' in page.text and "Try again" not in page.text


def test_the_limit_ends_with_the_request(browser: FakeBrowser, con: Connection) -> None:
    browser.get("/records")
    assert con.query("SELECT current_setting('statement_timeout')") == [["1min"]]
