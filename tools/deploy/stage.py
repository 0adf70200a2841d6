"""A stage: the section of samconfig.toml for one stack, checked against the parameters of the template."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local import ROOT
from local.errors import StackError
from local.template import files
from tools.deploy import parameter_overrides, stack_name

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

    @property
    def stack_name(self) -> str:
        return str(self.options["stack_name"])

    @property
    def region(self) -> str | None:
        return self.options.get("region")

    @property
    def profile(self) -> str | None:
        return self.options.get("profile")

    def client(self, service: str) -> Any:
        """A boto3 client for the stage's account and region."""
        from botocore.config import Config

        config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})
        return _session(self.region, self.profile).client(service, config=config)


@cache
def _session(region: str | None, profile: str | None) -> Any:
    """A boto3 session, of which each reads the list of services and regions again."""
    import boto3

    return boto3.Session(region_name=region, profile_name=profile)


def read(config: Path, name: str) -> Stage:
    """The stage. Raises StackError if it does not exist, lacks a parameter, or has an unknown one."""
    section = _sections(config).get(name, {})
    if "parameters" not in section.get("deploy", {}):
        raise StackError(
            f"samconfig.toml has no section [{name}.deploy.parameters]: docs/deploy.md shows one"
        )
    options = section.get("global", {}).get("parameters", {}) | section["deploy"]["parameters"]
    if "stack_name" not in options:
        raise StackError(
            f"samconfig.toml does not set stack_name for the stage {name}: add it to [{name}.global.parameters]"
        )
    if options.get("language_extensions") is not True:
        raise StackError(
            f"samconfig.toml does not set language_extensions = true for the stage {name}, and without it the SAM CLI"
            f" cannot read the loops of template.yaml: add it to [{name}.global.parameters]"
        )
    stack_name.check(options["stack_name"], template()["Resources"])
    stage = Stage(name, options, parameter_overrides.parse(options.get("parameter_overrides", [])))
    _check(stage, template()["Parameters"])
    return stage


def require_stage(config: Path, name: str) -> str:
    """`name`, if there is such a stage. Raises StackError otherwise."""
    stages = [each for each, section in _sections(config).items() if isinstance(section, dict)]
    if name not in stages:
        raise StackError(f"samconfig.toml has no stage {name!r}; it has {', '.join(stages)}")
    return name


def defaults() -> dict[str, str]:
    """The default of each parameter that has one."""
    parameters = template()["Parameters"].items()
    return {name: str(parameter["Default"]) for name, parameter in parameters if "Default" in parameter}


@cache
def template() -> dict[str, Any]:
    """template.yaml with the resources of its nested stacks."""
    return files.load_whole(ROOT / "template.yaml")


def _sections(config: Path) -> dict[str, Any]:
    return tomllib.loads(config.read_text(encoding="utf-8"))


def _check(stage: Stage, parameters: dict[str, dict[str, Any]]) -> None:
    for name in stage.given:
        if name not in parameters:
            raise StackError(f"{name}, in the {stage.where}, is not a parameter of template.yaml")
    for name in [name for name, parameter in parameters.items() if "Default" not in parameter]:
        if name not in stage.given:
            raise StackError(
                f'{name}, which the stack needs, is missing from the {stage.where}: add "{name}=..." there'
            )
        if stage.given[name].endswith("example.com"):
            raise StackError(
                f"{name} still has the example value {stage.given[name]!r}: change it in the {stage.where}"
            )
