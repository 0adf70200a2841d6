"""The documents name what there is: a command, setting, function or state that is added is added there too."""

import re
import subprocess
from dataclasses import fields
from typing import get_args

import pytest

from slowmatch.db.counts import COUNT_CAP
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import RunState
from slowmatch.settings import Settings
from tests.sam import template
from tests.sam.template import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

SETTINGS = sorted(field.name.upper() for field in fields(Settings))
FUNCTIONS = sorted(
    path.parent.name for path in ROOT.glob("functions/*/app.py") if not path.with_name("job.py").exists()
)
"""The folders of functions that are no jobs: those come and go, and `make job` lists them."""
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)\s]+)\)")
LINKS = sorted({*LINK.findall(README), *(f"docs/{to}" for to in LINK.findall(ARCHITECTURE + SECURITY))})


def rows(heading: str) -> dict[str, list[str]]:
    """The first table under a heading of the README: each row's cells by the code in its first one."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): [cell.strip("` ") for cell in cells[1:]] for cells in table}


def documented_targets() -> set[str]:
    answer = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"^ *(make [a-z-]+) ", answer.stdout, re.MULTILINE))


def test_the_readme_s_commands_are_exactly_those_of_make_help() -> None:
    targets = documented_targets()
    assert {"make run", "make test"} <= targets
    assert set(rows("Commands")) == targets


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_configuration_table(name: str) -> None:
    assert name in rows("Configuration")


def test_the_configuration_table_names_no_setting_that_is_not_there() -> None:
    declared = template.variables()
    assert set(rows("Configuration")) <= set(declared)


def test_the_configuration_table_has_each_variable_s_own_parameter() -> None:
    declared = template.variables()
    parameters = template.written()["Parameters"]
    references = {
        name: value["Ref"] for name, value in declared.items() if isinstance(value, dict) and "Ref" in value
    }
    named = {name: references[name] for name in SETTINGS if references.get(name) in parameters}
    assert {name: cells[0] for name, cells in rows("Configuration").items() if name in named} == named


def test_every_parameter_is_named() -> None:
    assert [name for name in template.written()["Parameters"] if f"`{name}`" not in README] == []


def test_the_functions_are_in_the_tour_of_folders() -> None:
    named = [path.removeprefix("functions/") for path in rows("Where things are")]
    assert sorted(name for name in named if name in FUNCTIONS) == FUNCTIONS


def test_every_folder_of_the_tour_is_there() -> None:
    named = [path for path in rows("Where things are") if "<" not in path]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_kind_of_test_is_in_the_tour_of_folders() -> None:
    named = {path for path in rows("Where things are") if path.startswith("tests/")}
    assert named == {f"tests/{path.relative_to(ROOT).parts[1]}" for path in ROOT.glob("tests/*/**/test_*.py")}


@pytest.mark.parametrize("state", get_args(RunState))
def test_every_state_of_a_run_is_explained(state: str) -> None:
    assert f"| `{state}` | " in ARCHITECTURE


def test_the_documents_say_how_far_is_counted() -> None:
    assert f'end at {COUNT_CAP:,}, written as "{COUNT_CAP:,}+"' in ARCHITECTURE
    assert f"bulk action at {actions.COUNTED:,}" in ARCHITECTURE.replace("\n", " ")
    assert f"counted as it is, up to {COUNT_CAP:,}." in (ROOT / "docs" / "openapi.json").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("link", [link for link in LINKS if "://" not in link])
def test_every_link_leads_to_a_file_and_a_heading(link: str) -> None:
    path, _, anchor = link.partition("#")
    assert (ROOT / path).exists()
    text = (ROOT / path).resolve().read_text(encoding="utf-8") if anchor else ""
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    assert not anchor or anchor in headings
