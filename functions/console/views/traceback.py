"""Tracebacks, folded so that the last frames of the job's own code and the exception are in sight."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

MAX_OWN_FRAMES = 5
"""How many frames of the job's own code are in sight: the last ones."""

_FRAME = re.compile(r'[ |]*File "(?P<path>[^"]*)", line \d+')
_REST_OF_FRAME = re.compile(r"[ |]{4,}\S|[ |]*\[Previous line repeated")
_LIBRARY = re.compile(r"/(site|dist)-packages/|/lib(64)?/python3|^/opt/python/|/common/slowmatch/|^<")
_HEAD = "Traceback (most recent call last):"
_CHAINED = re.compile(r"\n\n[A-Z][^\n]* exception[^\n]*:\n\n(?=Traceback )")
"""Between two exceptions, of which the first one led to the second."""


class Piece(NamedTuple):
    """Some lines of a traceback. They are folded if there is a `summary` of them."""

    text: str
    summary: str = ""


class _Block(NamedTuple):
    """A frame with its code, or lines between frames."""

    text: str
    is_frame: bool
    is_library: bool


def fold(text: str) -> list[Piece]:
    """The pieces of a traceback, which together are all of it."""
    *_, start = [0, *(found.end() for found in _CHAINED.finditer(text))]
    pieces = [Piece(text[:start], f"Before that: {_exception(text[:start])}")] if start else []
    return pieces + list(_pieces(list(_blocks(text[start:]))))


def _exception(text: str) -> str:
    """The line that names the last exception of a traceback which another one follows."""
    *_, part = _CHAINED.split(text.rstrip() + "\n\n")
    named = [line for line in text.splitlines() if line[:1].strip() and not line.startswith(_HEAD)]
    return (named[-2] if len(named) > 1 else part.strip())[:200]


def _blocks(text: str) -> Iterator[_Block]:
    lines: list[str] = []
    path: str | None = None
    for line in text.splitlines(keepends=True):
        found = _FRAME.match(line)
        if lines and (found or (path is not None and not _REST_OF_FRAME.match(line))):
            yield _block(lines, path)
            lines, path = [], None
        if found:
            path = found["path"]
        lines.append(line)
    if lines:
        yield _block(lines, path)


def _block(lines: list[str], path: str | None) -> _Block:
    return _Block("".join(lines), path is not None, path is not None and bool(_LIBRARY.search(path)))


def _pieces(blocks: list[_Block]) -> Iterator[Piece]:
    frames = [number for number, block in enumerate(blocks) if block.is_frame]
    own = [number for number in frames if not blocks[number].is_library]
    in_sight = {*own[-MAX_OWN_FRAMES:], *frames[-1:]}

    def is_folded(number: int) -> bool:
        return blocks[number].is_frame and number not in in_sight

    for folded, numbers in groupby(range(len(blocks)), is_folded):
        group = [blocks[number] for number in numbers]
        text = "".join(block.text for block in group)
        yield Piece(text, _summary(group) if folded else "")


def _summary(frames: list[_Block]) -> str:
    kind = "library" if all(frame.is_library for frame in frames) else "earlier"
    return f"{len(frames)} {kind} frame{'' if len(frames) == 1 else 's'}"
