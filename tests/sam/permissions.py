"""What the roles of a stack's functions may do, decided as IAM decides."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.sam import template
from tests.sam.evaluated import Stack


def may(stack: Stack, function: str, action: str, resource: str, **context: str) -> bool:
    """Whether the function may do `action` to the ARN `resource`; `context` has values of condition keys.

    The tags of the stack's own queues are known. AWS's own managed policies are left out: they are about logs,
    traces, network and polling.
    """
    return role_may(stack, job_role(stack, function), action, resource, **context)


def role_may(stack: Stack, role: str, action: str, resource: str, **context: str) -> bool:
    context = tags(stack, resource) | context
    matching = [
        statement
        for statement in role_statements(stack, role)
        if _matches(statement["Action"], action.lower(), str.lower)
        and _matches(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), context)
    ]
    return bool(matching) and all(statement["Effect"] == "Allow" for statement in matching)


def who_may(stack: Stack, action: str, resource: str, **context: str) -> set[str]:
    return {name for name in template.functions() if may(stack, name, action, resource, **context)}


def tags(stack: Stack, arn: str) -> dict[str, str]:
    """The condition keys that IAM makes of the tags of a queue."""
    return {
        f"aws:ResourceTag/{tag['Key']}": tag["Value"]
        for name, queue in stack.of_type("AWS::SQS::Queue").items()
        for tag in queue.get("Tags", [])
        if stack.arn(name) == arn
    }


def statements(stack: Stack, function: str) -> Iterator[dict[str, Any]]:
    return role_statements(stack, job_role(stack, function))


def role_statements(stack: Stack, role: str) -> Iterator[dict[str, Any]]:
    """Of the role's own policies, of those attached to it, and of those that name it."""
    for policy in (*inline_policies(stack, role), *managed_policies(stack, role)):
        yield from as_list(policy["PolicyDocument"]["Statement"])


def job_role(stack: Stack, function: str) -> str:
    role: str = stack.written[function]["Properties"]["Role"]["Fn::GetAtt"][0]
    return role


def inline_policies(stack: Stack, role: str) -> list[dict[str, Any]]:
    """The role's own policies, and those of the template that are put into it."""
    apart = stack.of_type("AWS::IAM::Policy").values()
    own: list[dict[str, Any]] = stack.resources[role]["Properties"].get("Policies", [])
    return [*own, *(policy for policy in apart if _name(stack, role) in policy["Roles"])]


def managed_policies(stack: Stack, role: str) -> list[dict[str, Any]]:
    """The template's policies that the role or they themselves attach; AWS's are left out."""
    attached = stack.resources[role]["Properties"]["ManagedPolicyArns"]
    return [
        policy
        for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items()
        if stack.arn(name) in attached or _name(stack, role) in policy.get("Roles", [])
    ]


def _name(stack: Stack, role: str) -> str:
    return stack.arn(role).rpartition("/")[2]


def _matches(patterns: Any, value: str, change: Any = str) -> bool:
    return any(fnmatchcase(value, change(pattern)) for pattern in as_list(patterns))


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Raises KeyError for an operator that no policy of the template has had yet."""
    operators = {"StringEquals": lambda allowed, value: value in as_list(allowed)}
    return all(
        operators[operator](allowed, context.get(key))
        for operator, keys in condition.items()
        for key, allowed in keys.items()
    )


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
