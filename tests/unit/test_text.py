"""What PostgreSQL cannot hold is replaced, and nothing else is touched."""

import json
import traceback

import pytest

from slowmatch.text import clean, clean_line, clean_traceback, to_json


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        (r"a\u0000b", r"a\u0000b"),
        ("\\\0", "\\\ufffd"),
        (r"\\u0000" + "\0", r"\\u0000" + "\ufffd"),
        ("half a pair: \ud800", "half a pair: ?"),
    ],
    ids=["NUL", "its escape, written out", "NUL after a backslash", "both", "half a surrogate pair"],
)
def test_only_what_cannot_be_kept_is_replaced(said: str, kept: str) -> None:
    assert json.loads(to_json({"text": said})) == {"text": kept}


def test_a_long_text_is_cut_and_says_so() -> None:
    assert clean("x" * 10, 10) == "x" * 10
    assert clean("x" * 11, 10) == "x" * 9 + "…"


def test_control_characters_and_half_surrogate_pairs_are_replaced() -> None:
    assert clean("a\0b\ud800\x1b[31m\x85\x7f") == "a\ufffdb\ufffd\ufffd[31m\ufffd\ufffd"
    assert clean("tab\tand\r\nlines") == "tab\tand\r\nlines"


def test_an_answer_becomes_one_line() -> None:
    assert clean_line(b"2.0.0 Ok:\r\n queued\0 as \xff\n", 100) == "2.0.0 Ok: queued\ufffd as \ufffd"
    assert clean_line("left\u202eright", 100) == "left\ufffdright"
    assert clean_line("x" * 11, 10) == "x" * 9 + "…"


def fail() -> None:
    raise ValueError("the disk is full")


def test_a_long_traceback_keeps_the_exception_and_whole_frames() -> None:
    with pytest.raises(ValueError) as raised:
        fail()
    whole = "".join(traceback.format_exception(raised.value))
    last_frame = whole[whole.rindex("  File ") :]
    left_out = len(whole) - len(last_frame)
    expected = f"... {left_out:,} characters omitted ...\n{last_frame}"
    assert clean_traceback(whole, len(last_frame) + 10) == expected
    assert last_frame.endswith("ValueError: the disk is full\n")


def test_a_long_exception_keeps_its_end() -> None:
    assert clean_traceback("ValueError: " + "x" * 12_400 + "end", 70).endswith("x" * 67 + "end")
    assert clean_traceback("ValueError: " + "x" * 12_400 + "end", 70).startswith(
        "... 12,345 characters omitted"
    )


def test_a_short_traceback_stays_whole() -> None:
    assert clean_traceback("ValueError: no\0\n", 100) == "ValueError: no\ufffd\n"
