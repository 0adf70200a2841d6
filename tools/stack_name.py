"""What a stack may be called: CloudFormation takes more than the resources that are named after the stack."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from local.errors import StackError
from local.template.intrinsics import Resolver

# The property and the characters that AWS allows, where the template begins a name with the stack's.
_ALLOWED = {
    "AWS::Events::Rule": ("Name", 64),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier", 63),
}

_STACK = "\0"  # no template has this character
_OF_A_JOB = "; the longest name of a job decides how many are left for the stack's"


class Limit(NamedTuple):
    """How many characters a resource leaves for the stack's name. `ending` is what the resource adds to it."""

    characters: int
    kind: str
    ending: str
    allowed: int


def check(name: str, resources: dict[str, Any]) -> None:
    """Raise StackError for a name that the template's resources cannot carry."""
    # RDS keeps identifiers in lower case, and refuses underscores, two hyphens in a row and one at the end.
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise StackError(
            f"stack_name is {name!r}: it must consist of lower-case letters, digits and single hyphens, begin with"
            f" a letter and not end with a hyphen, because the Aurora cluster is named after the stack"
        )
    limit = longest(resources)
    if len(name) > limit.characters:
        raise StackError(
            f"stack_name is {name!r}, which has {len(name)} characters: at most {limit.characters} are possible,"
            f" because the {limit.kind} {name}{limit.ending} would be longer than the {limit.allowed} characters that"
            f" AWS allows{_OF_A_JOB if limit.ending else ''}"
        )


def longest(resources: dict[str, Any]) -> Limit:
    """What limits the name of a stack with these resources the most."""
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
