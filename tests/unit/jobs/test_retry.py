"""Hangfire's curve, bound by bound."""

from datetime import UTC, datetime, timedelta

import pytest

from slowmatch.jobs.retry import backoff, retry_or_fail

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def due_after(failures: int) -> datetime | None:
    return retry_or_fail(ValueError(), failures=failures, max_attempts=11, now=NOW).due_at


@pytest.mark.parametrize("retry", range(1, 11))
def test_the_delay_lies_within_hangfires_bounds(retry: int) -> None:
    low, high = backoff(retry, 0).total_seconds(), backoff(retry, 29).total_seconds()
    assert low == (retry - 1) ** 4 + 15
    assert high == low + 29 * retry


def test_the_jitter_takes_all_of_hangfires_thirty_values() -> None:
    due = {due_after(1) for _ in range(1000)}
    assert due == {NOW + timedelta(seconds=seconds) for seconds in range(15, 45)}


def test_the_last_failure_is_not_retried() -> None:
    assert due_after(10) is not None
    assert due_after(11) is None
