"""docs/reliability.md quotes the figures of the last full run, and no others."""

import json

from tests.chaos import report
from tests.chaos.report import Figures

FILE = report.DOCS / "reliability.json"


def test_the_page_quotes_the_figures_of_the_last_run() -> None:
    figures = report.from_json(json.loads(FILE.read_text(encoding="utf-8")))
    page = (report.DOCS / "reliability.md").read_text(encoding="utf-8")
    assert report.quoted(page, figures) == page


def test_figures_come_back_from_their_file_as_they_were() -> None:
    figures = Figures()
    figures.add("a subject", "runs", 2_000)
    figures.add("a subject", "took", 1.25, "s")
    figures.add("another", "held", "yes")
    assert report.from_json(json.loads(report.as_json(figures))) == figures
    assert [figure.text for figure in figures.rows] == ["2,000", "1.2 s", "yes"]


def test_the_terminal_says_each_subject_once() -> None:
    figures = Figures()
    figures.add("a subject", "runs", 3)
    figures.add("a subject", "died", 1)
    assert report.terminal_table(figures) == "a subject:\n  runs  3\n  died  1"
