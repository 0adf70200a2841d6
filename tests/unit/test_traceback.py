"""Tracebacks are folded to the frames of the job's own code and the exception, and nothing of them is lost."""

import traceback

import pytest

from console.views.traceback import MAX_OWN_FRAMES, Piece, fold

LIBRARY = '  File "/opt/python/slowmatch/db/connection.py", line 112, in query\n    return self._run(sql)\n'
OWN = '  File "/var/task/db_cleanup/app.py", line {}, in handler\n    delete(context)\n           ^^^^^^^\n'
HEAD = "Traceback (most recent call last):\n"
CHAINED = "\nThe above exception was the direct cause of the following exception:\n\n"


def summaries(text: str) -> list[str]:
    return [piece.summary for piece in fold(text)]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + LIBRARY * 2 + OWN.format(1) + LIBRARY + "ValueError: no\n",
        f"{HEAD}{OWN.format(1)}KeyError: 'a'\n{CHAINED}{HEAD}{OWN.format(2)}ValueError: no\n",
        "... 1,234 characters omitted ...\n" + LIBRARY + "ValueError: a\nb\n\nc",
        "not a traceback",
        "",
    ],
)
def test_the_pieces_are_the_whole_text(text: str) -> None:
    assert "".join(piece.text for piece in fold(text)) == text


def test_frames_of_libraries_are_folded_and_counted() -> None:
    text = HEAD + LIBRARY + OWN.format(1) + LIBRARY * 3 + "ValueError: no\n"
    assert fold(text) == [
        Piece(HEAD),
        Piece(LIBRARY, "1 library frame"),
        Piece(OWN.format(1)),
        Piece(LIBRARY * 2, "2 library frames"),
        Piece(LIBRARY + "ValueError: no\n"),
    ]


def test_of_many_own_frames_the_last_are_in_sight() -> None:
    frames = [OWN.format(number) for number in range(20)]
    *_, folded, last = fold(HEAD + "".join(frames) + "RecursionError: too deep\n")
    assert folded.summary == f"{20 - MAX_OWN_FRAMES} earlier frames"
    assert last.text == "".join(frames[-MAX_OWN_FRAMES:]) + "RecursionError: too deep\n"


def test_the_exceptions_before_the_last_one_are_folded_under_their_name() -> None:
    first = f"{HEAD}{OWN.format(1)}KeyError: 'a'\n"
    assert summaries(f"{first}{CHAINED}{HEAD}{OWN.format(2)}ValueError: no\n") == [
        "Before that: KeyError: 'a'",
        "",
    ]


def test_a_real_traceback_shows_where_it_was_raised() -> None:
    with pytest.raises(RuntimeError) as raised:
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("outer") from error
    text = "".join(traceback.format_exception(raised.value))
    before, last = fold(text)
    assert before.summary == "Before that: ValueError: invalid literal for int() with base 10: 'x'"
    assert 'raise RuntimeError("outer")' in last.text and last.text.endswith("RuntimeError: outer\n")


def test_a_group_of_exceptions_stays_readable() -> None:
    group = ExceptionGroup("two", [ValueError("a"), KeyError("b")])
    text = "".join(traceback.format_exception(group))
    assert "".join(piece.text for piece in fold(text)) == text
    assert "ValueError: a" in "".join(piece.text for piece in fold(text) if not piece.summary)
