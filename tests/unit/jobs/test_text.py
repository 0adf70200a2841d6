"""What PostgreSQL cannot hold is replaced, and nothing else is touched."""

import json

import pytest

from slowmatch.jobs.text import clean, to_json


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
def test_a_text_comes_back_as_it_was_but_for_what_cannot_be_kept(said: str, kept: str) -> None:
    assert json.loads(to_json({"text": said})) == {"text": kept}


def test_a_long_text_is_cut_and_says_so() -> None:
    assert clean("x" * 10, 10) == "x" * 10
    assert clean("x" * 11, 10) == "x" * 9 + "…"
    assert clean("a\0b\ud800") == "a\ufffdb?"
