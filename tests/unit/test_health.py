"""What makes the health check say that something is not well, and how much it says to everybody."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs_api.app import handler
from slowmatch.db import Connection
from slowmatch.jobs import queue, upkeep
from slowmatch.jobs.queue import Depths
from slowmatch.settings import settings
from tests.conftest import LambdaContext, request_context

Ask = Callable[[], tuple[int, dict[str, Any]]]
EMPTY = {"visible": 0, "in_flight": 0, "delayed": 0, "dead": 0}


@pytest.fixture
def ask(con: Connection, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """All is well until a test changes something."""
    monkeypatch.setattr(queue, "depths", lambda: Depths({"db-cleanup": EMPTY}))
    upkeep.note_tick(con, con.now())
    path = "/api/health"
    event = {"rawPath": path, "headers": {}, "requestContext": request_context("GET", path)}

    def ask() -> tuple[int, dict[str, Any]]:
        answer = handler(event, lambda_context)
        return answer["statusCode"], json.loads(answer["body"])

    return ask


def unwell(answer: tuple[int, dict[str, Any]]) -> list[str]:
    """The parts of an answer with 503 that are not well."""
    status, said = answer
    assert (status, said["ok"]) == (503, False)
    return [name for name, part in said.items() if name != "ok" and not part["ok"]]


def test_all_is_well(ask: Ask) -> None:
    status, said = ask()
    assert (status, said["ok"]) == (200, True)
    assert said.keys() == {"ok", "database", "queues", "dispatcher", "notifications", "clock"}


def test_a_dispatcher_that_missed_two_ticks_is_not(ask: Ask, con: Connection) -> None:
    upkeep.note_tick(con, con.now() - timedelta(minutes=11))
    assert ask()[0] == 200
    upkeep.note_tick(con, con.now() - timedelta(minutes=12))
    assert unwell(ask()) == ["dispatcher"]


def test_dead_letters_are_not(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "depths", lambda: Depths({"a": EMPTY, "b": EMPTY | {"dead": 1}}))
    assert unwell(ask()) == ["queues"]


@pytest.mark.parametrize("seconds", [-31, 31])
def test_a_clock_that_is_wrong_is_not(ask: Ask, con: Connection, seconds: int) -> None:
    con._clock_offset = timedelta(seconds=seconds)
    upkeep.note_tick(con, con.now())
    assert unwell(ask()) == ["clock"]


def test_a_notification_that_nobody_takes_is_not(ask: Ask, con: Connection) -> None:
    con.query(
        "INSERT INTO notification (at, event, key) VALUES (now() - interval '13 minutes', 'alarm', 'x')"
    )
    assert unwell(ask()) == ["notifications"]


def test_a_database_out_of_reach_is_not_and_only_the_log_says_where_it_is(
    ask: Ask, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    con.close()
    monkeypatch.setenv("DB_PORT", "1")
    settings.cache_clear()
    con._config = settings()
    answer = ask()
    assert unwell(answer) == ["database"]
    assert answer[1]["database"]["detail"] == "not available; the function's log has the reason"
