"""The block that the README gives for a new job, put into the template, makes a function that can do its work."""

import copy
import re
import textwrap
from functools import cache
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.sam import aws_limits, template
from tests.sam.evaluated import Stack
from tests.sam.permissions import may
from tests.sam.template import ROOT, of_type

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"


def blocks() -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameter and the resources."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## Add a job\n", 1)[1].split("\n## ", 1)[0]
    parameters, resources = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    return yaml_parse(textwrap.dedent(parameters)), yaml_parse(textwrap.dedent(resources))


@cache
def extended() -> dict[str, Any]:
    document = copy.deepcopy(template.written())
    parameters, resources = blocks()
    document["Parameters"] |= parameters
    document["Resources"] |= resources
    return template.transform_of(document)


@pytest.mark.parametrize("parameters", [{}, {"DatabaseHost": "db.example.com", "DatabaseSecretArn": SECRET}])
def test_its_function_reads_the_database_secret(parameters: dict[str, str]) -> None:
    stack = Stack("slowmatch", extended(), **parameters)
    (function,) = of_type("AWS::Serverless::Function", blocks()[1])
    arn = stack.resources[function]["Properties"]["Environment"]["Variables"]["DB_SECRET_ARN"]
    assert may(stack, function, "secretsmanager:GetSecretValue", arn)


def test_its_function_starts_other_jobs_and_tells_of_its_failures() -> None:
    stack = Stack("slowmatch", extended())
    (function,) = of_type("AWS::Serverless::Function", blocks()[1])
    for queue in template.queue_functions().values():
        assert may(stack, function, "sqs:SendMessage", stack.arn(queue))
    assert may(stack, function, "sns:Publish", stack.arn("NotifyTopic"))


def test_its_names_fit_into_a_stack_with_the_longest_name() -> None:
    stack = Stack("s" * aws_limits.LONGEST_STACK_NAME, extended())
    for name in blocks()[1]:
        item = stack.resources[name]
        for key, text in item["Properties"].items():
            if key.endswith("Name"):
                limit = aws_limits.limit(item["Type"], key)
                assert limit is None or limit.problem(text) is None, name


def test_it_is_made_as_the_jobs_that_are_there() -> None:
    """The same kinds of resources as a scheduled job of the template, but for its alarms."""
    made = sorted(item["Type"] for item in blocks()[1].values())
    like = [
        item["Type"]
        for name, item in template.written()["Resources"].items()
        if name.startswith("DbCleanup") and item["Type"] != "AWS::CloudWatch::Alarm"
    ]
    assert made == sorted(like)
