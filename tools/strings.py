"""`make strings` lists every text that people can see, for a proofreader who sees nothing else.

Texts are literals of Python and JavaScript with two words or more, what templates say outside of their tags, and
descriptions in the CloudFormation templates. Docstrings, comments and SQL are left out.
"""

import ast
import html
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from local import ROOT

DOCUMENT = ROOT / "docs" / "reviews" / "strings.md"
SOURCES = ("functions", "layers/common/slowmatch", "local", "tools", "stacks", "template.yaml")
HEADER = "# Texts that people see\n\nWritten by `make strings`. Line numbers are those of the day when it last ran.\n"
SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE FROM|WHERE|FROM|JOIN|VALUES|COALESCE|CAST|ORDER BY|LIMIT|OFFSET|RETURNING|CASE|ASC"
    r"|DESC|AND|OR|NOT|IS|NULL|AS|IN|BEGIN|COMMIT|ROLLBACK|CREATE|ALTER|LOCK|CONCURRENTLY)\b|::\w"
)
WORDS = re.compile(r"[A-Za-z]{2,}[^A-Za-z\s]{0,2}\s+\S*[A-Za-z]{2,}")
DESCRIPTION = re.compile(r"Description: (?P<text>\"[^\"]+\"|'[^']+'|[^{}]+?)(?:, [A-Z]\w+: .*|,? ?\}.*)?$")
JAVASCRIPT = re.compile(r"(?<![\w\\])([\"'`])(?P<text>(?:(?!\1).)+)\1")
TAG = re.compile(r"<!.*?>|<(?:script|style)\b.*?</(?:script|style)>|</?[a-zA-Z][^<>]*>", re.DOTALL)
ATTRIBUTE = re.compile(r'\b(?:title|alt|placeholder|aria-label|data-[\w-]+)="([^"]*)"')


class Text(NamedTuple):
    line: int
    text: str


def _part(part: ast.expr) -> str:
    return (
        f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else ast.literal_eval(part)
    )


def python_texts(source: str) -> Iterator[Text]:
    """Literals and f-strings in the order of the file, docstrings left out."""
    tree = ast.parse(source)
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node)}
            yield Text(node.lineno, "".join(map(_part, node.values)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Text(node.lineno, node.value)


def template_texts(source: str) -> Iterator[Text]:
    """What a Jinja template says between its tags, and the attributes that a browser shows or reads out."""
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}", _lines, source, flags=re.DOTALL)
    source = re.sub(r"\{\{(.*?)\}\}", _expression, source, flags=re.DOTALL)
    for found in ATTRIBUTE.finditer(source):
        yield Text(source[: found.start()].count("\n") + 1, html.unescape(found[1]))
    bare = TAG.sub(lambda match: "\x00" + _lines(match), source)
    line = 1
    for piece in bare.split("\x00"):
        blank = piece[: len(piece) - len(piece.lstrip())]
        yield Text(line + blank.count("\n"), html.unescape(piece))
        line += piece.count("\n")


def _lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")  # so that line numbers stay right


def _expression(match: re.Match[str]) -> str:
    return "{" + match[1].strip().replace('"', "'").replace("\n", " ") + "}" + _lines(match)


def line_texts(pattern: re.Pattern[str], source: str) -> Iterator[Text]:
    for number, line in enumerate(source.splitlines(), 1):
        yield from (
            Text(number, found["text"].strip(" \"'")) for found in pattern.finditer(line.partition("// ")[0])
        )


PROSE = {".html": template_texts, ".txt": template_texts}
LINES = {".yaml": partial(line_texts, DESCRIPTION), ".js": partial(line_texts, JAVASCRIPT)}
READERS: dict[str, Callable[[str], Iterator[Text]]] = {".py": python_texts, **LINES, **PROSE}


def is_shown(text: str, suffix: str) -> bool:
    """Whether the text is prose: two words that are not SQL; a template may also show a single word."""
    if suffix in PROSE:
        return bool(re.search(r"[A-Za-z]{2,}", re.sub(r"\{[^{}]*\}", "", text)))
    return bool(WORDS.search(text)) and not SQL.search(text)


def texts() -> dict[Path, list[Text]]:
    """The texts of each file, in the order in which they stand in it."""
    found = {}
    for source in SOURCES:
        paths = [ROOT / source] if "." in source else sorted((ROOT / source).rglob("*"))
        for path in paths:
            if path.suffix not in READERS or "lib" in path.parts or path.name == "requirements.txt":
                continue
            read = READERS[path.suffix](path.read_text(encoding="utf-8"))
            if shown := sorted({each for each in read if is_shown(each.text, path.suffix)}):
                found[path.relative_to(ROOT)] = shown
    return found


def page() -> str:
    parts = [HEADER]
    for path, found in texts().items():
        lines = "\n".join(f"{each.line:4} {' '.join(each.text.split())}" for each in found)
        parts.append(f"## {path.as_posix()}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(page(), encoding="utf-8")
