"""Checks a stack's name: resources that are named after the stack allow less than CloudFormation does."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from local.errors import StackError
from local.template.intrinsics import Resolver

# Property and maximum length of the names that begin with the stack's name.
_ALLOWED = {
    "AWS::Events::Rule": ("Name", 64),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier", 63),
}

_STACK = "\0"  # a character that no template contains
_OF_A_JOB = "; the longest job name determines how many characters are left for the stack's name"


class Limit(NamedTuple):
    """How many characters a resource leaves for the stack's name. `ending` is what the resource adds to it."""

    characters: int
    kind: str
    ending: str
    allowed: int


def check(name: str, resources: dict[str, Any]) -> None:
    """Raise StackError for a name that is too long for the template's resources, or has wrong characters."""
    # RDS keeps identifiers in lower case, and refuses underscores, two hyphens in a row and one at the end.
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise StackError(
            f"stack_name is {name!r}: it must consist of lower-case letters, digits and single hyphens, begin with"
            f" a letter and not end with a hyphen, because the Aurora cluster is named after the stack"
        )
    limit = length_limit(resources)
    if len(name) > limit.characters:
        raise StackError(
            f"stack_name is {name!r}, which is {len(name)} characters long: at most {limit.characters} are allowed,"
            f" because the {limit.kind} {name}{limit.ending} would be longer than the {limit.allowed} characters that"
            f" AWS allows{_OF_A_JOB if limit.ending else ''}"
        )


def length_limit(resources: dict[str, Any]) -> Limit:
    """The lowest limit for the name of a stack with these resources."""
    return min(_limits(resources))


def _limits(resources: dict[str, Any]) -> Iterator[Limit]:
    # The nested stacks know the whole stack's name by their parameter Name.
    resolver = Resolver({}, {"AWS::StackName": _STACK, "Name": _STACK}, lambda *_: "")
    for resource in resources.values():
        kind = resource["Type"]
        name_property, allowed = _ALLOWED.get(kind, ("", 0))
        name = resolver.resolve(resource.get("Properties", {}).get(name_property, ""))
        if name.startswith(_STACK):
            ending = name.removeprefix(_STACK)
            yield Limit(allowed - len(ending), kind, ending, allowed)
