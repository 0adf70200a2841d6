from datetime import UTC, datetime

from db_cleanup import app
from local.testing import JobTester

NOW = datetime(2026, 12, 31, tzinfo=UTC)


def test_removes_what_expired_over_thirty_days_ago(job_tester: JobTester) -> None:
    job_tester.query(
        """
        INSERT INTO record (title, expiry_date, is_expired)
        VALUES ('Long over', '2026-11-30', true), ('Over', '2026-12-02', true)
        """
    )
    attempt = job_tester.perform(app.handler, now=NOW)
    assert (attempt.state, attempt.result) == ("succeeded", {"deleted": 1})
    assert job_tester.query("SELECT title FROM record") == [["Over"]]
