"""What a stack may be called: CloudFormation takes more than the resources that are named after the stack."""

import re
from collections.abc import Iterator
from typing import Any

from local.errors import StackError
from local.intrinsics import Resolver

# Longest names that AWS takes, where the template begins a name with the stack's.
_LONGEST = {
    "AWS::Events::Rule": ("Name", 64),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier", 63),
}


def check(name: str, resources: dict[str, Any]) -> None:
    """Raise StackError for a name that the template's resources cannot carry."""
    # RDS keeps identifiers in lower case, and refuses underscores, two hyphens in a row and one at the end.
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise StackError(
            f"stack_name is {name!r}: it must consist of lower-case letters, digits and single hyphens, begin with"
            f" a letter and not end with a hyphen, because the Aurora cluster is named after the stack"
        )
    longest, kind, example = min(_limits(name, resources))
    if len(name) > longest:
        raise StackError(
            f"stack_name is {name!r}, which has {len(name)} characters: at most {longest} are possible, because"
            f" the {kind} {example} would be longer than AWS allows"
        )


def _limits(name: str, resources: dict[str, Any]) -> Iterator[tuple[int, str, str]]:
    # The nested stacks know the whole stack's name by their parameter Name.
    names = {"AWS::StackName": name, "Name": name}
    resolver = Resolver({}, names, lambda logical_id, attribute: "")
    for resource in resources.values():
        name_property, longest = _LONGEST.get(resource["Type"], ("", 0))
        made = resolver.resolve(resource.get("Properties", {}).get(name_property, ""))
        if made.startswith(name):
            yield longest - len(made) + len(name), resource["Type"], made
