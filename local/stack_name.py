"""What a stack may be called: CloudFormation takes more than the resources that are named after the stack."""

import re
from collections.abc import Iterator
from typing import Any

from local.errors import StackError

# Longest names that AWS takes, where the template begins a name with the stack's.
_LONGEST = {
    "AWS::Events::Rule": ("Name", 64),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier", 63),
}
_STACK = "${AWS::StackName}"


def check(name: str, resources: dict[str, Any]) -> None:
    """Raise StackError for a name that the template's resources cannot carry."""
    # RDS keeps identifiers in lower case, and refuses underscores, two hyphens in a row and one at the end.
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise StackError(
            f"stack_name is {name!r}: it must consist of lower-case letters, digits and single hyphens, begin with"
            f" a letter and not end with a hyphen, because the Aurora cluster is named after the stack"
        )
    longest, kind, example = min(_limits(resources))
    if len(name) > longest:
        raise StackError(
            f"stack_name is {name!r}, which has {len(name)} characters: at most {longest} are possible, because"
            f" the {kind} {example.replace(_STACK, name)} would be longer than AWS allows"
        )


def _limits(resources: dict[str, Any]) -> Iterator[tuple[int, str, str]]:
    for resource in resources.values():
        kind = resource["Type"]
        if kind in _LONGEST:
            name_property, longest = _LONGEST[kind]
            name = resource["Properties"].get(name_property, {})
            text = _STACK if name == {"Ref": "AWS::StackName"} else name.get("Fn::Sub", "")
            if _STACK in text:
                yield longest - len(text.replace(_STACK, "")), kind, text
