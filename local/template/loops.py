"""Expands Fn::ForEach as the transform AWS::LanguageExtensions does."""

import re
from collections.abc import Mapping
from typing import Any

from local.template.yaml_tags import TemplateError

_LOOP = "Fn::ForEach::"


def expand(template: Mapping[str, Any]) -> dict[str, Any]:
    """`template` with its loops expanded. Raises TemplateError for a malformed loop.

    In the bodies, only what depends on the variable and the mappings is resolved.
    """
    return {section: _Expander(template).section(content) for section, content in template.items()}


def parts(name: str, loop: Any) -> tuple[str, list[str], dict[str, Any]]:
    """The variable, the names and the body of a loop. Raises TemplateError."""
    match loop:
        case [str(variable), [*items], dict(body)]:
            return variable, items, body
    raise TemplateError(f"{name} must be a list of a variable, a list of names and a body")


def resources_of(template: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, Any]:
    """The resources that the loops would create for these rows instead of those of the mapping Job."""
    looped = {
        name: [loop[0], list(rows), loop[2]]
        for name, loop in template["Resources"].items()
        if name.startswith(_LOOP)
    }
    resources: dict[str, Any] = expand({"Mappings": {"Job": rows}, "Resources": looped})["Resources"]
    return resources


class _Expander:
    def __init__(self, template: Mapping[str, Any]) -> None:
        self._mappings: Mapping[str, Any] = template.get("Mappings") or {}

    def section(self, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        expanded: dict[str, Any] = {}
        for name, value in content.items():
            if str(name).startswith(_LOOP):
                expanded |= self._loop(str(name), value)
            else:
                expanded[name] = value
        return expanded

    def _loop(self, name: str, loop: Any) -> dict[str, Any]:
        variable, items, body = parts(name, loop)
        return {
            _replaced(key, variable, item): self._resolved(value, variable, item)
            for item in items
            for key, value in body.items()
        }

    def _resolved(self, value: Any, variable: str, item: str) -> Any:
        if isinstance(value, str):
            return _replaced(value, variable, item)
        if isinstance(value, list):
            return [self._resolved(each, variable, item) for each in value]
        if not isinstance(value, dict):
            return value
        if value == {"Ref": variable}:
            return item
        resolved = {
            _replaced(key, variable, item): self._resolved(each, variable, item)
            for key, each in value.items()
        }
        return self._reduced(resolved)

    def _reduced(self, value: dict[str, Any]) -> Any:
        """The value of a Sub without placeholders, or of a FindInMap with known keys."""
        match value:
            case {"Fn::Sub": str(text)} if "${" not in text:
                return text
            case {"Fn::FindInMap": [str(table), str(row), str(key), *options]}:
                return self._found(table, row, key, options)
        return value

    def _found(self, table: str, row: str, key: str, options: list[Any]) -> Any:
        values = self._mappings.get(table, {}).get(row, {})
        if key in values:
            return values[key]
        if options:
            return options[0]["DefaultValue"]
        raise TemplateError(f"mapping {table} has no {row}.{key}")


def _replaced(text: str, variable: str, item: str) -> str:
    return re.sub(rf"\$\{{{variable}\}}|&\{{{variable}\}}", item, text)
