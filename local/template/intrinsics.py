"""Resolves CloudFormation's intrinsic functions, as far as the template needs them here."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from local.environment import ACCOUNT, REGION, STACK_NAME
from local.template.yaml_tags import TemplateError

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/local",
    "AWS::StackName": STACK_NAME,
    "AWS::URLSuffix": "amazonaws.com",
}


class NoValue:
    """AWS::NoValue: a property with this value counts as absent."""


NO_VALUE = NoValue()

Attributes = Callable[[str, str | None], str]


class Resolver:
    """Resolves intrinsics against parameters, mappings, conditions and resources.

    `attribute(logical_id, name)` returns the value of Fn::GetAtt, with the name None that of Ref.
    """

    def __init__(
        self, template: Mapping[str, Any], parameters: Mapping[str, str], attribute: Attributes
    ) -> None:
        declared = {
            name: parameter.get("Default", "")
            for name, parameter in (template.get("Parameters") or {}).items()
        }
        self._parameters: dict[str, Any] = PSEUDO_PARAMETERS | declared | dict(parameters)
        self._lists = {
            name
            for name, parameter in (template.get("Parameters") or {}).items()
            if "List" in str(parameter.get("Type", ""))
        }
        self._mappings = template.get("Mappings") or {}
        self._conditions = template.get("Conditions") or {}
        self._resources = template.get("Resources") or {}
        self._attribute = attribute
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Equals": lambda pair: as_text(self.resolve(pair[0])) == as_text(self.resolve(pair[1])),
            "Fn::And": lambda terms: all(self.resolve(term) for term in terms),
            "Fn::Or": lambda terms: any(self.resolve(term) for term in terms),
            "Fn::Not": lambda terms: not self.resolve(terms[0]),
            "Fn::Select": lambda pair: self.resolve(pair[1])[int(self.resolve(pair[0]))],
            "Fn::Split": lambda pair: self.resolve(pair[1]).split(self.resolve(pair[0])),
        }

    def resolve(self, value: Any) -> Any:
        """`value` with every intrinsic replaced by its value; absent members are left out."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in self._functions and not (name == "Condition" and not isinstance(argument, str)):
                return self._functions[name](argument)
            if str(name).startswith("Fn::"):
                raise TemplateError(f"{name} is not supported on the local stack: {argument!r}")
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def member(self, properties: Mapping[str, Any], name: str, default: Any) -> Any:
        """`properties[name]` resolved; `default` if it is missing or AWS::NoValue."""
        value = self.resolve(properties[name]) if name in properties else NO_VALUE
        return default if value is NO_VALUE else value

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"condition {name} is not in the template")
        return bool(self.resolve(self._conditions[name]))

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._parameters:
            value = self._parameters[name]
            if name in self._lists and isinstance(value, str):
                return [part.strip() for part in value.split(",") if part.strip()]
            return value
        self._require(name)
        return self._attribute(name, None)

    def _get_att(self, argument: Any) -> str:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        self._require(name)
        return self._attribute(name, attribute)

    def _require(self, name: str) -> None:
        # SAM adds resources such as `ServerlessHttpApi`.
        if name not in self._resources and not name.startswith("Serverless"):
            raise TemplateError(f"{name} is neither a parameter nor a resource of the template")

    def _sub(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in variables:
                return as_text(self.resolve(variables[name]))
            return as_text(self._ref(name) if "." not in name else self._get_att(name))

        return re.sub(r"\$\{([^}]+)\}", replace, text)

    def _join(self, argument: Any) -> str:
        separator, items = argument
        return str(separator).join(as_text(item) for item in self.resolve(items))

    def _if(self, argument: Any) -> Any:
        name, when_true, when_false = argument
        return self.resolve(when_true if self.condition(name) else when_false)

    def _find_in_map(self, argument: Any) -> Any:
        table, first, second = (as_text(self.resolve(part)) for part in argument[:3])
        try:
            return self.resolve(self._mappings[table][first][second])
        except KeyError as error:
            raise TemplateError(f"mapping {table} has no {first}.{second}") from error


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
