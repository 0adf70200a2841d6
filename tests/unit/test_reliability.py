"""docs/reliability.md quotes the figures of the last full run, and no others."""

import json

from tests.chaos import report

FILE = report.DOCS / "reliability.json"


def test_the_page_quotes_the_figures_of_the_last_run() -> None:
    figures = report.from_json(json.loads(FILE.read_text(encoding="utf-8")))
    page = (report.DOCS / "reliability.md").read_text(encoding="utf-8")
    assert report.quoted(page, figures) == page
