"""How far a search walks through a list before it asks the index of words."""

from dataclasses import dataclass

import pytest

from slowmatch.db.text_search import SortedList, walk


@dataclass(frozen=True)
class Found:
    size: int
    has_next: bool = False


@pytest.mark.parametrize(("matches", "walks"), [(0, 1), (1, 1), (2, 2), (3, 2)])
def test_a_longer_walk_is_tried_if_the_first_one_promises_more_than_half_a_page(
    matches: int, walks: int
) -> None:
    """Each match among 2,000 rows promises 25 among 50,000."""
    tried: list[str] = []

    def fetch(source: str) -> Found:
        tried.append(source)
        return Found(matches)

    assert walk(SortedList("run", "true", "id"), "x", fetch, limit=50, walks=(2_000, 50_000)) is None
    assert len(tried) == walks
