"""Dates and times in requests."""

from datetime import UTC, datetime

import pytest

from slowmatch.http.validation import parse_timestamp


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-12-31T12:00:00Z", datetime(2026, 12, 31, 12, tzinfo=UTC)),
        ("2026-12-31t12:00:00z", datetime(2026, 12, 31, 12, tzinfo=UTC)),
        ("2026-12-31 12:00Z", datetime(2026, 12, 31, 12, tzinfo=UTC)),
        ("2026-12-31T23:30:00-05:30", datetime(2027, 1, 1, 5, tzinfo=UTC)),
        ("2026-12-31T12:00:00.5Z", datetime(2026, 12, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-12-31T12:00:00.123456789Z", datetime(2026, 12, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2028-02-29T00:00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_time_with_an_offset_is_read_as_utc(text: str, time: datetime) -> None:
    parsed = parse_timestamp(text)
    assert parsed == time
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-12-31T12:00:00", "2026-12-31 12:00", "2026-12-31"])
def test_a_time_without_an_offset_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="has no UTC offset: write, for e"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "20261231T120000Z",
        "2026-12-31T24:00:00Z",
        "2026-12-31T12Z",
        "٢٠٢٦-12-31T12:00:00Z",
        "2026-12-31T12:00:00Z ",
        "2026-12-31T12:00:00Z\n",
        "12026-12-31T12:00:00Z",
        "2026-12-31T12:00:00 Europe/Vienna",
        "2026-02-29T00:00:00Z",
        "2026-12-31T12:00:60Z",
        "2026-12-31T12:00:00+25:00",
    ],
)
def test_anything_else_is_told_what_a_time_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a(n existing)? date and time"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00Z",
    ],
)
def test_years_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"1970 and 9999|that exists"):
        parse_timestamp(text)


@pytest.mark.parametrize("value", [5, 5.0, None, True, ["2026-12-31T12:00:00Z"], {}])
def test_only_a_text_is_a_time(value: object) -> None:
    with pytest.raises(ValueError, match="must be a string"):
        parse_timestamp(value)
