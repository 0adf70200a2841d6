"""How the console shows counts, durations, times, what goes on, and states."""

from datetime import UTC, datetime, timedelta

import pytest

from console.web.formatting import duration, format_count, in_words, parse, since, state, when
from slowmatch.db.counts import COUNT_CAP, CappedCount
from tests.support.time_words import NOW, WORDS


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (CappedCount(0, capped=False), "0"),
        (CappedCount(999, capped=False), "999"),
        (CappedCount(COUNT_CAP, capped=True), "1,000+"),
        (CappedCount(COUNT_CAP, capped=True, about=COUNT_CAP + 1), "≈ 1,000"),
        (CappedCount(COUNT_CAP, capped=True, about=5_231), "≈ 5,200"),
        (CappedCount(COUNT_CAP, capped=True, about=996_000), "≈ 1 M"),
        (CappedCount(COUNT_CAP, capped=True, about=3_249_999), "≈ 3.2 M"),
        (CappedCount(COUNT_CAP, capped=True, about=99_950_000), "≈ 100 M"),
        (CappedCount(COUNT_CAP, capped=True, about=1_234_567_890), "≈ 1,200 M"),
    ],
)
def test_a_count_is_exact_or_open_or_in_two_digits(count: CappedCount, text: str) -> None:
    assert format_count(count) == text


@pytest.mark.parametrize(("at", "words"), WORDS.items())
def test_a_time_is_said_as_a_colleague_would(at: str, words: str) -> None:
    assert in_words(parse(at), parse(NOW)) == words


def test_what_should_have_happened_is_due() -> None:
    now = datetime.now(UTC)
    assert ">due 4 min ago<" in when(now - timedelta(minutes=4, seconds=20), "due")
    assert ">in 4 min<" in when(now + timedelta(minutes=4, seconds=20), "due")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, ""),
        (840, "840 ms"),
        (3_200, "3.2 s"),
        (59_960, "1 m 0 s"),
        (250_000, "4 m 10 s"),
        (7_500_000, "2 h 5 m"),
        (47 * 3_600_000, "47 h 0 m"),
        (76 * 3_600_000, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(milliseconds: float | None, text: str) -> None:
    assert duration(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (12.9, "12 s"), (72, "1 m 12 s"), (7_500, "2 h 5 m")]
)
def test_what_goes_on_counts_whole_seconds(seconds: float, text: str) -> None:
    now = parse(NOW)
    assert str(since(now - timedelta(seconds=seconds), now)).endswith(f">{text}</span>")


def test_a_cancelled_attempt_and_a_stopped_run_are_called_stopped() -> None:
    assert state("cancelled") == '<span class="state cancelled">stopped</span>'
    assert state("deleted", "stopped") == '<span class="state deleted">stopped</span>'
    assert state("deleted") == '<span class="state deleted">deleted</span>'
