"""What a payload may hold."""

from typing import Any

import pytest

from slowmatch.jobs.catalog import JOBS, PayloadError, UnknownJob, job

LONG = "a@" + "b" * 252


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("db-cleanup", {}),
        ("db-cleanup", {"dry_run": True, "older_than_days": 1}),
        ("record-expiry", {"batch_size": 100_000}),
        ("daily-summary", {"day": "2026-02-28", "recipients": ["a@b"], "resend": False}),
        ("mail-test", {"to": [LONG]}),
    ],
)
def test_what_a_job_takes(name: str, payload: dict[str, Any]) -> None:
    assert JOBS[name].check(payload) == payload


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("db-cleanup", {"dry_run": 1}),
        ("record-expiry", {"batch_size": 0}),
        ("record-expiry", {"batch_size": 100_001}),
        ("record-expiry", {"batch_size": True}),
        ("record-expiry", {"batch_size": 1.0}),
        ("daily-summary", {"day": "2026-02-29"}),
        ("daily-summary", {"day": "20260228"}),
        ("daily-summary", {"day": 20260228}),
        ("mail-test", {"to": []}),
        ("mail-test", {"to": "a@b"}),
        ("mail-test", {"to": ["a@b", "a"]}),
        ("mail-test", {"to": ["a@b@c"]}),
        ("mail-test", {"to": ["a@b\n"]}),
        ("mail-test", {"to": [LONG + "b"]}),
    ],
)
def test_what_a_job_refuses_is_named(name: str, payload: dict[str, Any]) -> None:
    with pytest.raises(PayloadError) as refused:
        JOBS[name].check(payload)
    assert refused.value.field in payload


@pytest.mark.parametrize("name", ["nothing", None, ["db-cleanup"]])
def test_a_job_that_is_not_there_is_told_with_those_that_are(name: Any) -> None:
    with pytest.raises(UnknownJob, match="there are daily-summary, record-expiry"):
        job(name)
