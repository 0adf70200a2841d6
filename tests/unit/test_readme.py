"""The README is short, and its figures are those of the pages that they come from."""

import re
import subprocess

from tests.sam.template import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COSTS = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8").partition("<!-- end of costs -->")[0]
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md"), key=str), ROOT / "CONTRIBUTING.md"]


def test_the_readme_stays_short() -> None:
    assert len(README.encode()) <= 10 * 1024


def test_the_readme_leads_to_every_document() -> None:
    linked = set(re.findall(r"\]\(([\w/.-]+)", README))
    assert [page.name for page in DOCUMENTS if str(page.relative_to(ROOT)) not in linked] == []


def test_the_commands_that_the_readme_names_are_in_make_help() -> None:
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z][a-z-]+)", README))
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [name for name in named if not re.search(rf"^ *make {name} ", listed, re.MULTILINE)] == []


def dollars(item: str) -> list[int]:
    """What docs/costs.md has for an item in its columns, idle first, in whole dollars."""
    (row,) = re.findall(rf"^\| \**{item}\** \|.*$", COSTS, re.MULTILINE)
    return [int(float(amount) + 0.5) for amount in re.findall(r"\| \**(\d+\.\d\d)\**(?= )", row)]


def test_the_readme_has_the_costs_of_the_page_on_costs() -> None:
    idle, million, *_ = dollars("a month")
    aurora, nat = dollars("Aurora, capacity")[0], dollars("NAT gateway")[0]
    text = README.replace("\n", " ")
    assert f"about ${idle} a month: {aurora} for the smallest Aurora, {nat} for a NAT gateway" in text
    assert f"{idle - aurora - nat} for the rest. With a million runs a month it costs ${million}." in text
