"""Every name and description fits into what AWS accepts, also in a stack with the longest name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sam import aws_limits, template
from tests.sam.aws_limits import LONGEST_STACK_NAME
from tests.sam.evaluated import NESTED, Stack
from tests.sam.parameters import DATABASE, NOTIFY, PROVIDER, SMTP, WITH_KEY
from tests.sam.permissions import inline_policies, job_role, managed_policies
from tests.sam.template import ROOT

LONGEST = "s" * LONGEST_STACK_NAME
STACKS = {
    "defaults": Stack(LONGEST, AdminEmail="admin@example.com"),
    "everything elsewhere": Stack(LONGEST, **DATABASE, **PROVIDER, **SMTP, **NOTIFY, **WITH_KEY),
}
every_stack = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)

# A property with one of these at the end of its path is a name or a description.
NAMES = re.compile(
    r"(Name|Description|Identifier|\bDomain|\bSid|\btitle|Tags\.Key|Tags\.Value|\b(Metrics|Targets)\.Id)$"
)


def named(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The path and text of each name and description below; lists have no place in the path."""
    if isinstance(value, list):
        for item in value:
            yield from named(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from named(item, f"{path}.{key}".lstrip("."))
    elif NAMES.search(path):
        yield path, str(value)


def refused(stack: Stack) -> list[str]:
    """The names and descriptions that AWS does not take."""
    problems = []
    for logical_id, item in stack.resources.items():
        for path, text in named({} if item["Type"] == NESTED else item["Properties"]):
            limit = aws_limits.limit(item["Type"], path)
            problem = limit and limit.problem(text)
            if problem:
                problems.append(f"{logical_id} {path} {text!r}: {problem}")
    return problems


@every_stack
def test_aws_takes_every_name_and_description(stack: Stack) -> None:
    assert refused(stack) == []


def test_a_name_that_is_too_long_or_has_other_signs_is_found() -> None:
    assert any("AWS takes 80" in problem for problem in refused(Stack("s" * 80)))
    assert any("AWS takes [" in problem for problem in refused(Stack("a stack")))


# policies


def size(document: Any) -> int:
    return len(re.sub(r"\s", "", json.dumps(document)))


@every_stack
def test_the_policies_of_a_role_are_small_and_few_enough(stack: Stack) -> None:
    for function in template.functions():
        role = job_role(stack, function)
        inline = inline_policies(stack, role)
        assert sum(size(policy["PolicyDocument"]) for policy in inline) <= aws_limits.ROLE_POLICIES_SIZE, role
        of_aws = [
            arn for arn in stack.resources[role]["Properties"]["ManagedPolicyArns"] if ":aws:policy/" in arn
        ]
        attached = len(of_aws) + len(managed_policies(stack, role))
        assert attached <= aws_limits.MANAGED_POLICIES_PER_ROLE, role


@every_stack
def test_a_managed_policy_is_small_enough(stack: Stack) -> None:
    policies = stack.of_type("AWS::IAM::ManagedPolicy")
    assert policies
    for name, policy in policies.items():
        assert size(policy["PolicyDocument"]) <= aws_limits.MANAGED_POLICY_SIZE, name


# the template itself


ROOT_LINES, NESTED_LINES = 1_100, 400
"""What one person can read. The rows of the jobs do not count."""


def test_the_transformed_template_has_no_more_resources_than_cloudformation_takes() -> None:
    assert len(template.transformed()["Resources"]) <= aws_limits.RESOURCES


@pytest.mark.parametrize(
    "path", [ROOT / "template.yaml", *ROOT.glob("stacks/*.yaml")], ids=lambda path: path.name
)
def test_a_template_can_be_read_from_top_to_bottom(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    is_root = path.parent == ROOT
    assert lines <= (ROOT_LINES + len(template.job_rows()) if is_root else NESTED_LINES)


@every_stack
def test_the_environment_of_a_function_is_small_enough(stack: Stack) -> None:
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        assert len(json.dumps(variables).encode()) <= aws_limits.ENVIRONMENT_BYTES, name
