"""Loads template.yaml and the templates of its nested stacks, with the loops expanded."""

from pathlib import Path
from typing import Any

from local.template import loops, yaml_tags

NESTED = "AWS::CloudFormation::Stack"


def load(path: Path) -> dict[str, Any]:
    """One template. Raises TemplateError if it cannot be read."""
    return loops.expand(yaml_tags.load(path))


def load_whole(path: Path) -> dict[str, Any]:
    """A template with the resources of its nested stacks; a test checks that all logical ids differ."""
    template = load(path)
    own: dict[str, Any] = template["Resources"]
    nested = [each["Properties"]["TemplateURL"] for each in own.values() if each["Type"] == NESTED]
    for file in nested:
        own |= load_whole(path.parent / file)["Resources"]
    return template
