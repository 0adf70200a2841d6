"""Cursors."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slowmatch.http import pagination
from slowmatch.http.errors import Problem
from slowmatch.http.validation import parse_timestamp

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says more about this machine than about the code."""


@UNTIMED
@given(
    st.integers(1, pagination.MAX_BIGINT),
    TIMES,
    st.text(st.characters(exclude_characters="\0", codec="utf-8")),
)
def test_a_cursor_comes_back_as_the_keys_it_was_made_of(number: int, time: datetime, text: str) -> None:
    cursor = pagination.encode("newest", number, time, text)
    assert pagination.decode("newest", cursor, pagination.bigint, parse_timestamp, str) == [
        number,
        time,
        text,
    ]


@UNTIMED
@given(st.text())
def test_any_other_text_is_a_problem_that_names_the_cursor(cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        pagination.decode("newest", cursor, pagination.bigint)
    assert caught.value.status == 422
    assert [error["field"] for error in caught.value.errors] == ["cursor"]


FORGED: list[object] = [
    ["other", 1],
    ["newest"],
    ["newest", 1, 2],
    ["newest", "1"],
    ["newest", True],
    ["newest", 0],
    ["newest", 2**63],
    [],
    {},
    None,
    "newest",
]


@pytest.mark.parametrize("content", [*map(json.dumps, FORGED), "[" * 60_000], ids=lambda text: text[:20])
def test_a_forged_cursor_is_refused(content: str) -> None:
    with pytest.raises(Problem):
        pagination.decode("newest", _cursor(content), pagination.bigint)


@pytest.mark.parametrize("sign", ["!", " ", "\n", "."])
def test_a_cursor_has_one_spelling(sign: str) -> None:
    cursor = pagination.encode("newest", 1)
    assert pagination.decode("newest", cursor, pagination.bigint) == [1]
    with pytest.raises(Problem):
        pagination.decode("newest", cursor[:4] + sign * 4 + cursor[4:], pagination.bigint)


@pytest.mark.parametrize("time", ["2026-12-31T12:00:00", "soon", 5, None])
def test_a_time_in_a_cursor_has_its_offset(time: object) -> None:
    with pytest.raises(Problem):
        pagination.decode("active", _cursor(json.dumps(["active", time])), parse_timestamp)


def _cursor(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")
