"""Hangfire's curve, bound by bound."""

from datetime import timedelta

import pytest

from slowmatch.jobs.retry import backoff, retry_delay


@pytest.mark.parametrize("retry", range(1, 11))
def test_the_delay_lies_within_hangfires_bounds(retry: int) -> None:
    low, high = backoff(retry, 0).total_seconds(), backoff(retry, 29).total_seconds()
    assert low == (retry - 1) ** 4 + 15
    assert high == low + 29 * retry


def test_the_jitter_takes_all_of_hangfires_thirty_values() -> None:
    delays = {retry_delay(1, 11) for _ in range(1000)}
    assert delays == {timedelta(seconds=seconds) for seconds in range(15, 45)}


def test_the_last_failure_has_no_delay() -> None:
    assert retry_delay(10, 11) is not None
    assert retry_delay(11, 11) is None
