"""The figures of a run: a table on the terminal, docs/reliability.json, and the tables of docs/reliability.md."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SEED = 20261124
"""Whatever is random in these tests begins here."""
DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- chaos -->\n", "<!-- end of chaos -->"


@dataclass(frozen=True)
class Figure:
    """One line of the table; `value` is a number with its unit, or a word."""

    subject: str
    what: str
    value: float | int | str
    unit: str = ""

    @property
    def text(self) -> str:
        if isinstance(self.value, float):
            return f"{self.value:,.1f} {self.unit}".strip()
        return f"{self.value:,} {self.unit}".strip() if isinstance(self.value, int) else self.value


@dataclass
class Figures:
    """What the tests counted, in the order in which they said it."""

    rows: list[Figure] = field(default_factory=list)

    def add(self, subject: str, what: str, value: float | int | str, unit: str = "") -> None:
        self.rows.append(Figure(subject, what, value, unit))


def as_json(figures: Figures) -> str:
    document = {
        "seed": SEED,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "figures": [asdict(figure) for figure in figures.rows],
    }
    return json.dumps(document, indent=2) + "\n"


def from_json(document: dict[str, Any]) -> Figures:
    return Figures([Figure(**figure) for figure in document["figures"]])


def terminal_table(figures: Figures) -> str:
    wide = max(len(figure.what) for figure in figures.rows)
    lines: list[str] = []
    for figure in figures.rows:
        if f"{figure.subject}:" not in lines:
            lines.append(f"{figure.subject}:")
        lines.append(f"  {figure.what:<{wide}}  {figure.text}")
    return "\n".join(lines)


def markdown_tables(figures: Figures) -> str:
    """One for each subject."""
    subjects = dict.fromkeys(figure.subject for figure in figures.rows)
    return "\n\n".join(_table(subject, figures) for subject in subjects)


def _table(subject: str, figures: Figures) -> str:
    rows = [(figure.what, figure.text) for figure in figures.rows if figure.subject == subject]
    lines = [(subject, ""), ("---", "---:"), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def quoted(text: str, figures: Figures) -> str:
    """The document with its tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{markdown_tables(figures)}\n{END}{rest.partition(END)[2]}"


def write(figures: Figures) -> None:
    (DOCS / "reliability.json").write_text(as_json(figures), encoding="utf-8")
    document = DOCS / "reliability.md"
    document.write_text(quoted(document.read_text(encoding="utf-8"), figures), encoding="utf-8")
