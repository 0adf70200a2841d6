"""docs/configuration.md has every setting and parameter, and agrees with the code and the template."""

import re
from dataclasses import fields

from slowmatch.settings import Settings
from tests.sam import template
from tests.sam.template import ROOT

PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SETTINGS = sorted(field.name.upper() for field in fields(Settings))
PARAMETERS = template.written()["Parameters"]


def table(heading: str) -> dict[str, list[str]]:
    """The cells of each row under a heading, by the first code in it."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].split("`")[1]: cells[1:] for cells in rows}


def documented_defaults() -> dict[str, str]:
    """The default of each parameter that has a row of its own."""
    of_settings = {cells[0].strip("`"): cells[1] for cells in table("Settings").values()}
    return of_settings | {
        name: cells[0] for name, cells in table("Parameters that no function reads").items()
    }


def test_every_setting_has_a_row_and_every_row_is_a_variable() -> None:
    assert set(SETTINGS) <= set(table("Settings")) <= set(template.variables())


def test_each_setting_has_its_own_parameter() -> None:
    references = {
        name: value["Ref"]
        for name, value in template.variables().items()
        if isinstance(value, dict) and value.get("Ref") in PARAMETERS
    }
    shown = {name: cells[0].strip("`") for name, cells in table("Settings").items() if name in references}
    assert shown == {name: references[name] for name in shown}
    assert set(shown) >= set(SETTINGS) & set(references)


def test_every_parameter_is_named() -> None:
    assert [name for name in PARAMETERS if f"`{name}`" not in PAGE] == []


def test_the_defaults_are_those_of_the_template() -> None:
    wrong = {
        name: (shown, PARAMETERS[name]["Default"])
        for name, shown in documented_defaults().items()
        if re.fullmatch(r"`?[\w.@-]+`?", shown)
        and str(PARAMETERS.get(name, {}).get("Default", "")) not in ("", shown.strip("`"))
    }
    assert wrong == {}
