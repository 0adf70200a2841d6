"""A section of samconfig.toml: one stack, and whether it says all that the template has to know."""

import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import ROOT, yaml_tags
from local.errors import StackError

CONFIG = ROOT / "samconfig.toml"


@dataclass(frozen=True, slots=True)
class Stage:
    """`options` are the SAM CLI's, `given` the template's parameters."""

    name: str
    options: dict[str, Any]
    given: dict[str, str]

    @property
    def where(self) -> str:
        return f"parameter_overrides of [{self.name}.deploy.parameters] in samconfig.toml"


def read(config: Path, name: str) -> Stage:
    """Raises StackError for a stage that is not there, lacks a parameter, or has one that the template has not."""
    section = _sections(config).get(name, {})
    if "parameters" not in section.get("deploy", {}):
        raise StackError(f"samconfig.toml has no section [{name}.deploy.parameters]: docs/deploy.md has one")
    options = section.get("global", {}).get("parameters", {}) | section["deploy"]["parameters"]
    stage = Stage(name, options, _given(options.get("parameter_overrides", [])))
    _check(stage, declared())
    return stage


def named(config: Path, name: str) -> str:
    """The name of a stage that is there; raises StackError for any other."""
    stages = [each for each, section in _sections(config).items() if isinstance(section, dict)]
    if name not in stages:
        raise StackError(f"samconfig.toml has no stage {name!r}; it has {', '.join(stages)}")
    return name


def declared() -> dict[str, dict[str, Any]]:
    """The template's parameters."""
    parameters: dict[str, dict[str, Any]] = yaml_tags.load(ROOT / "template.yaml")["Parameters"]
    return parameters


def _sections(config: Path) -> dict[str, Any]:
    return tomllib.loads(config.read_text(encoding="utf-8"))


def _given(overrides: str | list[str]) -> dict[str, str]:
    items = shlex.split(overrides) if isinstance(overrides, str) else overrides
    return {name: value for name, _, value in (item.partition("=") for item in items)}


def _check(stage: Stage, parameters: dict[str, dict[str, Any]]) -> None:
    for name in stage.given:
        if name not in parameters:
            raise StackError(f"{name} is no parameter of template.yaml; it is in the {stage.where}")
    for name in [name for name, parameter in parameters.items() if "Default" not in parameter]:
        if name not in stage.given:
            raise StackError(
                f'the {stage.where} gives no {name}, which the stack needs: add "{name}=..." there'
            )
        if stage.given[name].endswith("example.com"):
            raise StackError(
                f"{name} is still the example, {stage.given[name]!r}: change it in the {stage.where}"
            )
