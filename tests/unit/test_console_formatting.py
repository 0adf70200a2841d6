"""How the console shows a count."""

import pytest

from console.web.formatting import format_count
from slowmatch.db.counts import COUNT_CAP, CappedCount


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
