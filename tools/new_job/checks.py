"""Checks the name and the schedule of a new job before anything is written."""

import importlib.util
import keyword
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.errors import StackError
from local.template import files, job_check, loops, yaml_tags
from local.template.intrinsics import Resolver
from local.template.yaml_tags import TemplateError
from slowmatch.jobs import cron
from slowmatch.jobs.definition import name_error
from tools.deploy import stack_name
from tools.new_job.template_rows import TEMPLATE

# The properties that must be unique among resources of one type.
_NAMES = ("AlarmName", "DashboardName", "LogGroupName", "Name", "QueueName", "TopicName")


def name_problem(root: Path, name: str) -> str | None:
    """Why the project in `root` can have no new job of this name, or None."""
    return name_error(name) or next(_name_problems(root, name), None)


def schedule_problem(schedule: str) -> str | None:
    """Why no rule can have this schedule, or None."""
    try:
        parsed = cron.parse(schedule)
    except ValueError as error:
        return str(error)
    return None if parsed.next_after(datetime.now(UTC)) else "it never matches any date and time"


def _name_problems(root: Path, name: str) -> Iterator[str]:
    folder = name.replace("-", "_")
    if keyword.iskeyword(folder) or keyword.issoftkeyword(folder):
        yield f"{folder} is a keyword of Python"
    for path in (f"functions/{folder}", f"events/{folder}", f"tests/jobs/test_{folder}.py"):
        if (root / path).exists():
            yield f"{path} exists already"
    if (root / folder).exists():
        yield f"functions/{folder} would hide the project's own folder {folder}"
    if folder in sys.stdlib_module_names or importlib.util.find_spec(folder):
        yield f"functions/{folder} would hide the Python module {folder}"
    yield from _collisions(root, name)


def _collisions(root: Path, name: str) -> Iterator[str]:
    """The names of the job's resources that are taken or too long."""
    there = files.load_whole(root / TEMPLATE)["Resources"]
    row = {"Name": name, "Handler": "app.handler", "Schedule": "rate(1 day)", "DueHours": 26}
    made = loops.resources_of(yaml_tags.load(root / TEMPLATE), {job_check.logical_id(name): row})
    for taken in sorted(set(_logical_ids(made)) & set(_logical_ids(there))):
        yield f"the template already has a resource {taken}"
    for _, taken in sorted(set(_physical_names(made)) & set(_physical_names(there))):
        yield f"the stack already has a resource named {taken}"
    for stack in _stack_names(root / "samconfig.toml"):
        try:
            stack_name.check(stack, made)
        except StackError as error:
            yield f"{error}; samconfig.toml has that stage"


def _stack_names(config: Path) -> Iterator[str]:
    """The names of the stacks of all stages."""
    for stage in tomllib.loads(config.read_text(encoding="utf-8")).values():
        for command in ("global", "deploy") if isinstance(stage, dict) else ():
            options = stage.get(command, {}).get("parameters", {})
            if "stack_name" in options:
                yield options["stack_name"]


def _logical_ids(resources: dict[str, Any]) -> Iterator[str]:
    """SAM adds a role to each function, and a resource for each event that starts it."""
    for logical_id, resource in resources.items():
        yield logical_id
        if resource["Type"] == "AWS::Serverless::Function":
            for added in ("Role", *resource["Properties"].get("Events", {})):
                yield f"{logical_id}{added}"


def _physical_names(resources: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and name of each resource that the template names after the stack, here "stack"."""
    resolver = Resolver({}, {"AWS::StackName": "stack", "Name": "stack"}, lambda *_: "")
    for resource in resources.values():
        properties = resource.get("Properties", {})
        for own in properties.keys() & set(_NAMES):
            with suppress(TemplateError):  # no name of a job's resource has a parameter or a resource in it
                yield resource["Type"], str(resolver.resolve(properties[own]))
