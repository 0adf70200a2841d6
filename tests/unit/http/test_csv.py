"""CSV files: what a spreadsheet opens, and what comes back from it."""

import csv
import io

import pytest

from slowmatch.http.csv import escape_cell, lines, unescape_cell

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert escape_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", [*FORMULAS, "'=1", "''-1", "'quoted'", "''", "", "plain", "ünï 🎉"])
def test_every_text_comes_back_unchanged(text: str) -> None:
    assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("text", ["'quoted'", "plain", "1-1", ""])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert escape_cell(text) == text


def test_quotes_commas_and_line_breaks_stay_in_their_cell() -> None:
    cell = 'He said "a, b"\r\nand left\nat once'
    assert list(csv.reader(io.StringIO(lines([[cell, "c"]]), newline=""))) == [[cell, "c"]]


def test_lines_end_as_rfc_4180_says() -> None:
    assert lines([["a", True], [1, None], [-2, "x,y"]]) == 'a,true\r\n1,\r\n-2,"x,y"\r\n'
