"""What an import makes of a CSV file: records, refused lines with reasons, or one sentence."""

from datetime import UTC, datetime

import pytest

from slowmatch.http import csv, record_csv
from slowmatch.http.record_csv import CsvError

HEADER = b"title,expiry_date\r\n"
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def errors(content: bytes) -> list[str]:
    return [f"line {each.line}: {each.message}" for each in record_csv.read(content).refused]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-01-01", NEW_YEAR),
        (" 2027-01-01 ", NEW_YEAR),
        ("2027-01-01T00:00", NEW_YEAR),
        ("2027-01-01 00:00:00", NEW_YEAR),
        ("2027-01-01T00:00:00Z", NEW_YEAR),
        ("2027-01-01T05:30+05:30", NEW_YEAR),
    ],
)
def test_dates_are_in_utc_unless_they_have_an_offset(text: str, at: datetime) -> None:
    assert record_csv.read(HEADER + f"Lease,{text}".encode()).expiry_dates == [at]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("Lease,2026-13-01", "expiry_date 2026-13-01 is not a date such as 2026-12-31"),
        ("Lease,soon", "expiry_date soon is not a date such as 2026-12-31"),
        ("Lease,1969-12-31", "expiry_date 1969-12-31 is not between the years 1970 and 9999"),
        ("Lease,", "expiry_date is required"),
        (",2027-01-01", "title is required"),
        (f"{'x' * 501},2027-01-01", "title must have at most 500 characters"),
        ("a\0b,2027-01-01", "title must not contain NUL (U+0000)"),
        (",soon", "title is required; expiry_date soon is not a date such as 2026-12-31"),
        ("Lease", "has 1 cell, but the first line names 2 columns"),
        ("Lease,2027-01-01,x", "has 3 cells, but the first line names 2 columns"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_are_read(line: str, error: str) -> None:
    padding = b"Passport,2027-01-01\r\n" * 60  # a NUL near the beginning would look like UTF-16
    content = HEADER + padding + line.encode() + b"\r\nVisa,2027-01-01"
    assert errors(content) == [f"line 62: {error}"]
    assert record_csv.read(content).titles == ["Passport"] * 60 + ["Visa"]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    content = HEADER + b'"two\r\nlines",2027-01-01\r\n\r\nLease,soon\r\n"a ""b"", c",2027-01-01\r\nVisa,late'
    found = record_csv.read(content)
    assert found.titles == ["two\r\nlines", 'a "b", c']
    assert [each.line for each in found.refused] == [5, 7]
    assert [each.line for each in record_csv.read(content, first_line=1002).refused] == [1005, 1007]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\r\n\r\n", "the file is empty"),
        (b"title,expiry_date\r\n".decode().encode("utf-16"), "the file is in UTF-16"),
        (b"title,expiry_date".decode().encode("utf-16-le"), "the file is in UTF-16"),
        (HEADER + "Müll,2027-01-01".encode("latin-1"), "not in UTF-8 but perhaps in Latin-1"),
        (b"title;expiry_date\r\nLease;2027-01-01", "save the file with commas"),
        (b"title\r\nLease", "the column expiry_date is missing"),
        (b"name,date\r\n", "the column title and the column expiry_date is missing"),
        (b"title,expiry_date,colour\r\n", "the column colour is not one of a record: remove it"),
        (b"title,expiry_date,title\r\n", "the column title occurs twice"),
        (b"title,expiry_date,\r\n", "the column without a name is not one of a record"),
        (HEADER + b'Visa,2027-01-01\r\n"Lease,2027-01-01\r\n', "line 3 is not valid CSV"),
        (HEADER + b'"Lease"x,2027-01-01', "line 2 is not valid CSV"),
        (b'"title', "line 1 is not valid CSV"),
    ],
)
def test_a_file_that_is_no_list_of_records_gets_one_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(CsvError, match=reason):
        record_csv.read(content)


def test_an_export_can_be_imported_unchanged() -> None:
    titles = ["=1+1", "'=1+1", "'quoted", "@x", "a,b", 'say "hi"', "two\nlines", "\ttab", "-5", "🔥", "ü"]
    rows = [[1, title, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", True] for title in titles]
    content = csv.lines([record_csv.COLUMNS, *rows])
    assert content.splitlines()[1] == "1,'=1+1,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,true"
    for mark in (b"", b"\xef\xbb\xbf"):
        assert record_csv.read(mark + content.encode()).titles == titles


def test_refused_lines_can_be_corrected_and_imported_again() -> None:
    content = b'error,Title,"Expiry Date"\r\nline 2: wrong,"a, b",soon'
    (refused,) = record_csv.read(content).refused
    assert refused.text == '"a, b",soon'
