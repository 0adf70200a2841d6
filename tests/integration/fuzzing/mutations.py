"""Strategies that mutate valid input: drop, replace, nest, retype, extreme values.

JSON inside texts, as in message bodies, is mutated too.
"""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

EVENTS = Path(__file__).parents[3] / "events"
DEEP = "[" * 100_000
TEXTS = [
    "",
    "\0",
    "\ud800",
    "x" * 5_000,
    "{}",
    "[]",
    "null",
    "NaN",
    "1e999",
    "9" * 5_000,
    "٣",
    "é🧨",
    "\r\nSet-Cookie: session=x",
    "' OR 1=1 --",
    "%00",
    "%ff",
    "../../x",
    "//evil.example",
    "<script>alert(1)</script>",
    "0190a7e0-0000-7000-8000-000000000000",
    "{0190a7e0-0000-7000-8000-000000000000}",
    "2026-12-31",
    "2026-12-31T02:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    DEEP,
]
NUMBERS = [0, -1, 1.5, 2**31, 2**63, 2**70, -(2**63), float("inf"), float("nan")]

some_text = st.sampled_from(TEXTS) | st.text(max_size=40)
some_atom = st.sampled_from([None, True, False, *NUMBERS]) | some_text
some_value = st.recursive(
    some_atom,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(some_text, inner, max_size=3),
    max_leaves=5,
)

Path_ = tuple[Any, ...]


class Text(str):
    """A text that holds JSON; mutations go on inside of it."""


def samples(folder: str, *names: str) -> list[Any]:
    """The sample events of a function: all of them, or those named."""
    paths = [EVENTS / folder / f"{name}.json" for name in names] or sorted((EVENTS / folder).glob("*.json"))
    return [json.loads(path.read_text("utf-8")) for path in paths]


@st.composite
def mutated(draw: st.DrawFn, valid: list[Any]) -> Any:
    """One of `valid` with one to three things wrong with it; sometimes something else altogether."""
    value = _opened(deepcopy(draw(st.sampled_from(valid))))
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(value))
        path = draw(st.sampled_from(paths))
        value = _changed(draw, value, path)
    return _closed(value)


@st.composite
def broken(draw: st.DrawFn, text: str) -> str:
    """A signed text that is no longer what it was: bits flipped, cut, parts swapped or doubled."""
    parts = text.split(".")
    at = draw(st.integers(0, len(text) - 2))  # the last character has bits that mean nothing
    swapped = [*parts[1:], parts[0]]
    made: Callable[[], str] = draw(
        st.sampled_from(
            [
                lambda: (
                    text[:at]
                    + chr(ord(text[at]) ^ draw(st.sampled_from([1, 2, 4, 8, 16, 32])))
                    + text[at + 1 :]
                ),
                lambda: text[:at],
                lambda: text[at:] if at else "",
                lambda: ".".join(swapped),
                lambda: text + draw(some_text.filter(lambda tail: bool(re.sub(r"[\s=]", "", tail)))),
                lambda: ".".join([*parts, parts[-1]]),
                lambda: ".".join([*parts[:-1], ""]),
                lambda: draw(some_text),
            ]
        )
    )
    return made()


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _opened(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_opened(each) for each in value]
    if isinstance(value, str) and value.startswith("{"):
        return [Text, _opened(json.loads(value))]
    return value


def _closed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _closed(each) for name, each in value.items()}
    if isinstance(value, list):
        return (
            json.dumps(_closed(value[1]))
            if value[:1] == [Text] and len(value) == 2
            else [_closed(each) for each in value]
        )
    return None if value is Text else value


def _paths(value: Any, path: Path_ = ()) -> list[Path_]:
    found = [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        if each is not Text:
            found += _paths(each, (*path, key))
    return found


def _changed(draw: st.DrawFn, value: Any, path: Path_) -> Any:
    if not path:
        return (
            draw(st.sampled_from([[value], {"event": value}, value]))
            if draw(st.booleans())
            else draw(some_value)
        )
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    key, how = path[-1], draw(st.sampled_from(["drop", "replace", "nest", "retype", "add"]))
    if how == "drop" and isinstance(parent, dict):
        del parent[key]
    elif how == "nest":
        parent[key] = draw(st.sampled_from([[parent[key]], {"value": parent[key]}]))
    elif how == "retype":
        parent[key] = str(parent[key]) if not isinstance(parent[key], str) else draw(st.sampled_from(NUMBERS))
    elif how == "add" and isinstance(parent, dict):
        parent[draw(some_text)] = draw(some_value)
    else:
        parent[key] = draw(some_value)
    return value
