from datetime import UTC, datetime

from local.testing import JobTester
from record_expiry import app

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def test_marks_what_has_expired(job_tester: JobTester) -> None:
    job_tester.query(
        "INSERT INTO record (title, expiry_date) VALUES ('Contract', '2026-11-30'), ('Lease', '2027-01-01')"
    )
    attempt = job_tester.perform(app.handler, now=NOW)
    assert (attempt.state, attempt.result) == ("succeeded", {"expired": 1})
    assert attempt.progress == {"done": 1, "total": 1}
    assert job_tester.query("SELECT title FROM record WHERE is_expired") == [["Contract"]]
