"""What makes the health check say that something is not well, and how much it says to everybody."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs_api import health
from jobs_api.app import handler
from slowmatch.db import Connection, SchemaMissing
from slowmatch.http.auth import sessions
from slowmatch.http.auth.roles import Identity, Role
from slowmatch.jobs.catalog import CONFIG_ERRORS
from slowmatch.jobs.dispatcher import heartbeat
from slowmatch.jobs.lifecycle.disabled_jobs import note_config_error
from slowmatch.jobs.queries import queue_depths
from slowmatch.jobs.queries.queue_depths import Depths
from slowmatch.jobs.schedules import store
from slowmatch.settings import settings
from slowmatch.telemetry import logger
from tests.conftest import LambdaContext, request_context
from tests.support.issuer import Issuer
from tests.support.runs import put_runs

Ask = Callable[..., tuple[int, dict[str, Any]]]
EMPTY = {"visible": 0, "in_flight": 0, "delayed": 0, "dead": 0}
ELSEWHERE = "203.0.113.7"


@pytest.fixture
def ask(con: Connection, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Everything is healthy until a test changes something. `headers` and `cookies` go along with the request."""
    monkeypatch.setattr(queue_depths, "depths", lambda: Depths({"db-cleanup": EMPTY}))
    monkeypatch.setattr(health, "public_health", health.PublicHealth())
    heartbeat.store_pass(con, con.now())

    def ask(source_ip: str = "127.0.0.1", cookie: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
        event = {
            "rawPath": "/api/health",
            "headers": headers,
            "cookies": [cookie],
            "requestContext": request_context("GET", "/api/health", source_ip),
        }
        answer = handler(event, lambda_context)
        return answer["statusCode"], json.loads(answer["body"])

    return ask


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock; a test sets its one item."""
    now = [1000.0]
    monkeypatch.setattr(health, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def unplug(con: Connection, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes the database away."""

    def unplug() -> None:
        con.close()
        monkeypatch.setenv("DB_PORT", "1")
        settings.cache_clear()
        con._config = settings()

    return unplug


def unwell(answer: tuple[int, dict[str, Any]]) -> list[str]:
    """The parts of an answer with 503 that are not well."""
    status, said = answer
    assert (status, said["ok"]) == (503, False)
    return [name for name, part in said.items() if name != "ok" and not part["ok"]]


def test_a_job_that_fails_and_retries_is_told_and_no_outage(ask: Ask, con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, attempt, failures, max_attempts, due_at, created_at,
                             started_at, error)
        VALUES (uuidv7(), 'db-cleanup', 'scheduled', false, 'api', 1, 1, 11, :due_at, :at, :at, 'OSError: the disk')
        """,
        at=con.now() - timedelta(hours=1),
        due_at=con.now() + timedelta(hours=1),
    )
    status, said = ask()
    assert (status, said["jobs"]["ok"]) == (200, True)
    assert said["jobs"]["detail"].startswith(
        "db-cleanup is failing: 1 run failed and is being retried, next retry at 20"
    )
    assert "UTC, since 20" in said["jobs"]["detail"]


def test_all_is_well(ask: Ask) -> None:
    status, said = ask()
    assert (status, said["ok"]) == (200, True)
    parts = {"database", "queues", "dispatcher", "jobs", "schedules", "notifications", "clock"}
    assert said.keys() == {"ok", *parts}


def test_schedules_that_are_not_in_force_are_told_and_no_outage(ask: Ask, con: Connection) -> None:
    for number in range(5):
        store.put(con, f"each-{number}", job="db-cleanup", expression="rate(1 day)")
    con.query("UPDATE job_schedule SET in_force = version WHERE name = 'each-0'")
    con.query("UPDATE job_schedule SET sync_error = 'No.', sync_failed_at = now() WHERE name = 'each-1'")
    assert "detail" not in ask()[1]["schedules"]
    con.query("UPDATE job_schedule SET changed_at = now() - interval '11 minutes'")
    status, said = ask()
    assert (status, said["schedules"]["ok"]) == (200, True)
    assert said["schedules"]["detail"] == (
        "schedule each-1 is not in force: No; schedule each-2 is not in force: the dispatcher has not come to it;"
        " schedule each-3 is not in force: the dispatcher has not come to it; 1 other schedule is not in force"
    )


def test_a_dispatcher_that_missed_two_passes_is_not(ask: Ask, con: Connection) -> None:
    heartbeat.store_pass(con, con.now() - timedelta(minutes=11))
    assert ask()[0] == 200
    heartbeat.store_pass(con, con.now() - timedelta(minutes=12))
    assert unwell(ask()) == ["dispatcher"]


def test_a_duty_that_fails_for_a_while_is_not(ask: Ask, con: Connection) -> None:
    failed, now = {"send due runs of db-cleanup": "its queue does not exist"}, con.now()
    heartbeat.store_pass(con, now, {}, failed)
    status, said = ask()
    told = (
        "the dispatcher cannot send due runs of db-cleanup: its queue does not exist,"
        f" since {now:%Y-%m-%d %H:%M} UTC"
    )
    assert (status, said["dispatcher"]["detail"]) == (200, told)
    con.query("DELETE FROM dispatcher_tick")
    heartbeat.store_pass(con, now - timedelta(minutes=12), {}, failed)
    heartbeat.store_pass(con, now, {}, failed)
    assert unwell(ask()) == ["dispatcher"]


def test_runs_that_wait_for_a_removed_job_are_not(ask: Ask, con: Connection) -> None:
    put_runs(con, "old-job")
    assert unwell(ask()) == ["dispatcher"]


def test_disabled_job_is_not_and_says_why(ask: Ask, con: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONFIG_ERRORS, "broken-job", "functions/broken_job/job.py: JOB is None")
    note_config_error(con, "db-cleanup", "URL of db-cleanup has no value")
    answer = ask()
    assert unwell(answer) == ["jobs"]
    assert answer[1]["jobs"]["detail"] == (
        "broken-job is disabled: functions/broken_job/job.py: JOB is None;"
        " db-cleanup is disabled: URL of db-cleanup has no value"
    )


def test_dead_letters_are_not(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_depths, "depths", lambda: Depths({"a": EMPTY, "b": EMPTY | {"dead": 1}}))
    assert unwell(ask()) == ["queues"]


@pytest.mark.parametrize("seconds", [-31, 31])
def test_a_clock_that_is_wrong_is_not(ask: Ask, con: Connection, seconds: int) -> None:
    con.clock_offset = timedelta(seconds=seconds)
    heartbeat.store_pass(con, con.now())
    assert unwell(ask()) == ["clock"]


def test_a_notification_that_nobody_takes_is_not(ask: Ask, con: Connection) -> None:
    con.query(
        "INSERT INTO notification (at, event, key) VALUES (now() - interval '13 minutes', 'alarm', 'x')"
    )
    assert unwell(ask()) == ["notifications"]


def test_a_destination_that_refuses_is_named_but_no_outage(ask: Ask, con: Connection) -> None:
    con.query(
        """
        INSERT INTO notification_destination (name, fingerprint, answer, failing_since, gave_up_at)
        VALUES ('ops', '', 'HTTP 403', '2026-11-24 07:00+00', now())
        """
    )
    status, parts = ask()
    assert status == 200 and parts["ok"]
    assert parts["notifications"]["detail"] == (
        "notifications to ops are lost: its last answer was HTTP 403, since 2026-11-24 07:00 UTC"
    )


def test_a_database_out_of_reach_is_not(ask: Ask, unplug: Callable[[], None]) -> None:
    unplug()
    answer = ask()
    assert unwell(answer) == ["database"]
    assert (
        answer[1]["database"]["detail"]
        == "the database is not available; see the function's log for the reason"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("sqs.example.com"), "this could not be checked; see the function's log for the reason"),
        (
            SchemaMissing({"M": "job_run"}),
            "the database schema is not migrated: invoke the migrate function; see the function's log for the reason",
        ),
    ],
    ids=str,
)
def test_a_check_that_fails_does_not_stop_the_others(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(health, "find_problems", fail)
    answer = ask()
    assert unwell(answer) == ["notifications"] and answer[1]["notifications"]["detail"] == said
    assert answer[1]["clock"]["ok"]


# without an identity


def test_without_an_identity_the_answer_is_yes_or_no(
    ask: Ask, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(ELSEWHERE) == (200, {"ok": True})
    monkeypatch.setattr(queue_depths, "depths", lambda: Depths({"db-cleanup": EMPTY | {"dead": 1}}))
    clock[0] += health.KEPT_SECONDS
    assert ask(ELSEWHERE) == (503, {"ok": False})


def test_the_answer_is_kept_for_two_seconds(
    ask: Ask, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []

    def depths() -> Depths:
        asked.append(None)
        return Depths({})

    monkeypatch.setattr(queue_depths, "depths", depths)
    for _ in range(3):
        ask(ELSEWHERE)
    clock[0] += 1.9
    ask(ELSEWHERE)
    assert len(asked) == 1
    clock[0] += 0.1
    ask(ELSEWHERE)
    assert len(asked) == 2
    ask()
    assert len(asked) == 3, "with an identity it is asked every time"


def test_without_the_database_the_answer_is_kept_too(
    ask: Ask,
    clock: list[float],
    unplug: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(
        queue_depths, "depths", lambda: pytest.fail("what cannot change the answer is not asked")
    )
    unplug()
    for _ in range(3):
        assert ask(ELSEWHERE) == (503, {"ok": False})
    assert len(caplog.records) == 1
    clock[0] += health.KEPT_SECONDS
    assert ask(ELSEWHERE) == (503, {"ok": False})
    assert len(caplog.records) == 2


@pytest.mark.parametrize("role", Role)
def test_who_may_look_sees_each_part(ask: Ask, issuer: Issuer, role: Role) -> None:
    groups: dict[str, Any] = {"cognito:groups": [role.name.lower()]}
    said = ask(authorization=f"Bearer {issuer.access_token(**groups)}")[1]
    assert said.keys() > {"database", "queues"}
    session = sessions.issue(Identity("ann@example.com", "1", role))
    assert ask(cookie=f"session={session}")[1].keys() == said.keys()


def test_who_is_in_no_group_hears_yes_or_no(ask: Ask, issuer: Issuer) -> None:
    groups: dict[str, Any] = {"cognito:groups": []}
    assert ask(authorization=f"Bearer {issuer.access_token(**groups)}") == (200, {"ok": True})
    session = sessions.issue(Identity("ann@example.com", "1", None))
    assert ask(cookie=f"session={session}") == (200, {"ok": True})


def test_an_old_session_is_no_identity_a_wrong_token_is_refused(ask: Ask, issuer: Issuer) -> None:
    assert ask(cookie="session=x") == (200, {"ok": True})
    assert ask() == (200, {"ok": True})
    assert ask(authorization=f"Bearer {issuer.access_token(exp=1)}")[0] == 401
