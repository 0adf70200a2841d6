"""A job whose settings or definition are wrong is disabled, says why, and recovers by itself."""

from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import JOBS, Job, Text
from slowmatch.jobs.catalog import CONFIG_ERRORS
from slowmatch.jobs.dispatcher import redelivery
from slowmatch.jobs.lifecycle.disabled_jobs import PROBE_AFTER, disabled_jobs, note_config_error
from slowmatch.jobs.queries import health, job_summaries, warnings
from slowmatch.jobs.queries.queue_depths import Depths
from slowmatch.jobs.worker.handler import JobFunction
from slowmatch.settings import SettingsError, settings
from tests.integration.jobs.conftest import Queues
from tests.support.runs import put_runs

HOOK = Job(name="record-expiry", description="Posts.", settings={"URL": Text("where to post")})


@pytest.fixture
def function(con: Connection) -> JobFunction:
    """The function of a job with a setting, which has no value yet."""
    return JobFunction(HOOK, lambda context: {"url": context.settings["URL"]})


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


def test_dispatcher_only_probes_a_disabled_job(con: Connection, queues: Queues) -> None:
    put_runs(con, "record-expiry", 3)
    note_config_error(con, "record-expiry", "URL has no value")
    assert redelivery.send_due(con, con.now()) == 0
    put_runs(con, "db-cleanup", 3)
    assert redelivery.send_due(con, con.now() + PROBE_AFTER) == 1 + 3
    assert len(queues.take()) == 1


def test_runs_of_a_job_with_a_wrong_definition_are_a_problem(
    con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONFIG_ERRORS, "broken-job", "JOB is None: must be a Job(...)")
    put_runs(con, "broken-job", 2)
    found = warnings.problems(health.facts(con, con.now()), Depths({}), timedelta(0), con.now())
    assert "2 runs wait for broken-job, which is disabled: JOB is None: must be a Job(...)" in [
        problem.text for problem in found
    ]


def test_card_of_a_job_tells_its_config_error(con: Connection) -> None:
    assert job_summaries.summary_of(con, "db-cleanup", con.now()).disabled is None
    note_config_error(con, "db-cleanup", "URL of db-cleanup has no value")
    assert job_summaries.summary_of(con, "db-cleanup", con.now()).disabled == "URL of db-cleanup has no value"


def test_note_of_a_removed_job_disables_nothing(con: Connection) -> None:
    note_config_error(con, "old-job", "URL of old-job has no value")
    assert "old-job" not in JOBS and disabled_jobs(con) == {}
