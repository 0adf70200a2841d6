"""`parameter_overrides` of samconfig.toml, parsed as the SAM CLI parses it.

The SAM CLI silently drops what its pattern does not match: `MailSenderName=My Company` sets the name to `My`. Such a
text is refused here, with the spelling that keeps the whole value.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from local.errors import StackError

# CfnParameterOverridesType in samcli/cli/types.py; tests/sam/test_parameter_overrides.py compares the two.
_OVERRIDE = re.compile(
    r""" ([A-Za-z0-9"']+)=("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|[^ "\\])+)""",
)
_WITHOUT_VALUE = re.compile(r" *([A-Za-z0-9]+)= *")
_FIX = 'Write a list of strings, one for each parameter: ["Name=value", \'Name="a value with spaces"\']'


def texts(written: Any) -> list[str]:
    """The strings that the SAM CLI parses one by one. Raises StackError for anything else."""
    items = written if isinstance(written, list) else [written] if written else []
    for item in items:
        if not isinstance(item, str):
            raise StackError(f"parameter_overrides has {item!r}, which is not a string. {_FIX}")
        # The SAM CLI separates by spaces only: with a line break, two parameters would be one.
        if re.search(r"[^\S ]", item.strip()):
            raise StackError(f"parameter_overrides has a line break or a tab in {item!r}. {_FIX}")
    return items


def parse(written: Any) -> dict[str, str]:
    """The value of each parameter. Raises StackError for one that the SAM CLI would change."""
    values: dict[str, str] = {}
    for text in texts(written):
        for name, value in _parsed(text):
            if name in values:
                raise StackError(f"parameter_overrides gives {name} twice: remove one of the two")
            values[name] = value
    return values


def spelled(name: str, value: str) -> str | None:
    """How to write this value so that the SAM CLI keeps it, None if that is impossible."""
    override = f'{name}="' + value.replace('"', '\\"') + '"'
    match = _OVERRIDE.fullmatch(f" {override}")
    return override if match and _unquoted(match[2]) == value else None


def _parsed(text: str) -> Iterator[tuple[str, str]]:
    text = f" {text.strip()}"
    matches = list(_OVERRIDE.finditer(text))
    starts = [match.start() for match in matches]
    if dropped := text[: starts[0] if starts else None].strip():
        name, equals, value = dropped.partition("=")
        raise StackError(_cut(name, value, "nothing") if equals else _no_override(dropped))
    if not matches:
        raise StackError(_no_override(text))
    for match, end in zip(matches, [*starts[1:], len(text)], strict=True):
        name, value, dropped = _unquoted(match[1]), _unquoted(match[2]), text[match.end() : end].rstrip()
        if without := _WITHOUT_VALUE.fullmatch(dropped):
            raise StackError(_cut(without[1], "", "nothing"))
        if dropped:
            raise StackError(_cut(name, match[2] + dropped, repr(value)))
        yield name, value


def _unquoted(text: str) -> str:
    if text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return text.replace("\\ ", " ").replace('\\"', '"').replace("\\'", "'")


def _no_override(text: str) -> str:
    return f"parameter_overrides has {text!r}, which is not Name=value. {_FIX}"


def _cut(name: str, text: str, arrives: str) -> str:
    if not re.fullmatch("[A-Za-z0-9]+", name):
        return _no_override(f"{name}={text}")
    quoted = text.startswith('"')
    meant = text[1:].removesuffix('"').replace('\\"', '"') if quoted else text
    right = spelled(name, meant)
    fix = f"Write {_toml(right)}" if right else "There is no way to write this value for the SAM CLI"
    return f"{name}={text} in parameter_overrides would set {name} to {arrives}. {fix}"


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "'" in text else f"'{text}'"
