"""A job whose settings or definition are wrong is disabled, says why, and recovers by itself."""

from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import JOBS, Job, Text, enqueue
from slowmatch.jobs.catalog import CONFIG_ERRORS
from slowmatch.jobs.dispatcher import redelivery
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.lifecycle.disabled_jobs import PROBE_AFTER, disabled_jobs, note_config_error
from slowmatch.jobs.queries import health, job_summaries, warnings
from slowmatch.jobs.queries.queue_depths import Depths
from slowmatch.jobs.worker.handler import JobFunction
from slowmatch.settings import SettingsError, settings
from tests.integration.jobs.conftest import Queues, put_waiting

HOOK = Job(name="record-expiry", description="Posts.", settings={"URL": Text("where to post")})
CONFIG_ERROR = "functions/broken_job/job.py: JOB is None: must be a Job(...)"


@pytest.fixture
def function(con: Connection) -> JobFunction:
    """The function of a job with a setting, which has no value yet."""
    return JobFunction(HOOK, lambda context: {"url": context.settings["URL"]})


@pytest.fixture
def broken_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONFIG_ERRORS, "broken-job", CONFIG_ERROR)


def give_settings(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("JOB_SETTINGS", text)
    settings.cache_clear()


def test_invocation_with_wrong_settings_fails_and_is_noted(
    function: JobFunction, con: Connection, lambda_context: Any
) -> None:
    with pytest.raises(SettingsError, match="URL of record-expiry"):
        function({}, lambda_context)
    assert disabled_jobs(con)["record-expiry"].startswith("URL of record-expiry (where to post)")
    assert con.query("SELECT FROM job_run") == []


def test_first_good_start_clears_the_config_error(
    function: JobFunction, con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_config_error(con, "record-expiry", "URL has no value")
    give_settings(monkeypatch, '{"URL": "https://example.com"}')
    assert function({}, lambda_context)["result"] == {"url": "https://example.com"}
    assert disabled_jobs(con) == {}


def test_database_without_the_column_does_not_stop_a_good_job(
    function: JobFunction, con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_settings(monkeypatch, '{"URL": "https://example.com"}')
    con.query("ALTER TABLE job RENAME COLUMN flaw TO other")
    try:
        assert function({}, lambda_context)["state"] == "succeeded"
    finally:
        con.query("ALTER TABLE job RENAME COLUMN other TO flaw")


def test_dispatcher_sends_nothing_to_a_disabled_job(con: Connection, queues: Queues) -> None:
    put_waiting(con, "record-expiry", 3)
    note_config_error(con, "record-expiry", "URL has no value")
    assert redelivery.send_due(con, con.now()) == 0
    assert queues.take() == []


def test_dispatcher_tries_one_run_after_a_while(con: Connection, queues: Queues) -> None:
    put_waiting(con, "record-expiry", 3)
    put_waiting(con, "db-cleanup", 3)
    note_config_error(con, "record-expiry", "URL has no value")
    assert redelivery.send_due(con, con.now() + PROBE_AFTER) == 1 + 3
    assert len(queues.take()) == 1


def _problem(con: Connection) -> warnings.Problem:
    """The only problem besides the dispatcher, which no test starts."""
    found = warnings.problems(health.facts(con, con.now()), Depths({}), timedelta(0), con.now())
    (problem,) = (each for each in found if each.kind != "dispatcher_late")
    return problem


def test_health_says_why_a_job_is_disabled(con: Connection) -> None:
    note_config_error(con, "db-cleanup", "URL of db-cleanup has no value")
    assert _problem(con).text == "'db-cleanup' is disabled: URL of db-cleanup has no value"


@pytest.mark.usefixtures("broken_job")
def test_runs_of_a_job_with_a_wrong_definition_are_a_problem_with_the_reason(con: Connection) -> None:
    put_waiting(con, "broken-job", 2)
    assert _problem(con).text == f"2 runs wait for 'broken-job', which is disabled: {CONFIG_ERROR}"


@pytest.mark.usefixtures("broken_job")
def test_run_of_a_job_with_a_wrong_definition_can_be_deleted(con: Connection) -> None:
    put_waiting(con, "broken-job")
    ((run_id,),) = con.query("SELECT id::text FROM job_run")
    assert actions.change(con, "delete", ids=[run_id], actor="ann").ids == [run_id]
    assert health.waiting_for_removed_jobs(con) == {}


@pytest.mark.usefixtures("broken_job")
def test_new_run_of_a_job_with_a_wrong_definition_is_refused(con: Connection) -> None:
    with pytest.raises(ValueError, match="broken-job is disabled"):
        enqueue(con, "broken-job")


def test_card_of_a_job_tells_its_config_error(con: Connection) -> None:
    assert job_summaries.summary_of(con, "db-cleanup", con.now()).disabled is None
    note_config_error(con, "db-cleanup", "URL of db-cleanup has no value")
    assert job_summaries.summary_of(con, "db-cleanup", con.now()).disabled == "URL of db-cleanup has no value"


def test_note_of_a_removed_job_disables_nothing(con: Connection) -> None:
    note_config_error(con, "old-job", "URL of old-job has no value")
    assert "old-job" not in JOBS and disabled_jobs(con) == {}
