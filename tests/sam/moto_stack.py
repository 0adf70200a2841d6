"""The transformed template as far as moto's CloudFormation can make it."""

import copy
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from tests.sam import template
from tests.sam.evaluated import NESTED, Stack
from tests.sam.parameters import NEEDED

STACK = "slowmatch"
REGION = "us-east-1"
NO_VALUE = {"Ref": "AWS::NoValue"}
REFERENCE = re.compile(r"\$\{(\w+)(?:\.[\w.]+)?\}")


def skipped() -> set[str]:
    """The kinds of resources that moto has no model for, or none of Aurora."""
    from moto.cloudformation import parsing  # importing it takes seconds

    documents = (template.transformed(), *template.nested().values())
    kinds = {item["Type"] for document in documents for item in document["Resources"].values()}
    unknown = {kind for kind in kinds if parsing.resource_class_from_type(kind) is None}
    return unknown | {"AWS::RDS::DBInstance"}


def creatable(stack: Stack) -> dict[str, Any]:
    """Without what moto skips or does not understand; who refers to it gets a name or ARN as AWS would give."""
    document = copy.deepcopy(stack.document)
    left_out = {name for name, item in document["Resources"].items() if item["Type"] in skipped()}
    document["Resources"] = {
        name: item for name, item in document["Resources"].items() if name not in left_out
    }
    for item in document["Resources"].values():
        item.pop("DependsOn", None)
        if item["Type"] == NESTED:
            item["Properties"]["TemplateURL"] = (
                f"https://s3.amazonaws.com/{item['Properties']['TemplateURL']}"
            )
    document.pop("Rules", None)  # moto takes them, and looks at none
    result: dict[str, Any] = _MotoTemplate(left_out, stack).plain(document)
    return result


def wanted(**parameters: str) -> set[str]:
    """The logical ids of what a stack with these parameters consists of, its nested stacks included."""
    resources = Stack(STACK, **parameters).resources
    return {name for name, item in resources.items() if item["Type"] not in skipped()}


class _MotoTemplate:
    def __init__(self, left_out: set[str], stack: Stack) -> None:
        self._left_out = left_out
        self._stack = stack

    def plain(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self.plain, value) if item != NO_VALUE]
        if isinstance(value, str):
            return REFERENCE.sub(lambda found: found[1] if found[1] in self._left_out else found[0], value)
        if not isinstance(value, dict):
            return value
        functions: dict[str, Callable[[Any], Any]] = {
            "Fn::If": self._chosen,
            "Fn::Cidr": lambda argument: self._stack.resolved(
                {"Fn::Cidr": argument}
            ),  # moto does not know it
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
        }
        for name, replace in functions.items():
            if name in value:
                return replace(value[name])
        if value.get("Ref") in self._left_out:
            return self._stack.attribute(value["Ref"], None)
        plain = {key: self.plain(item) for key, item in value.items()}
        return {key: item for key, item in plain.items() if item != NO_VALUE}

    def _chosen(self, argument: list[Any]) -> Any:
        """moto makes something of AWS::NoValue in a list."""
        condition, yes, no = argument
        return self.plain(yes if self._stack.condition(condition) else no)

    def _sub(self, argument: str | list[Any]) -> Any:
        """moto knows an attribute in a text by one word only, and an output of a nested stack has two."""
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        outputs = {
            f"{name}{output}": {"Fn::GetAtt": [name, f"Outputs.{output}"]}
            for name, output in re.findall(r"\$\{(\w+)\.Outputs\.(\w+)\}", text)
        }
        text = re.sub(r"\$\{(\w+)\.Outputs\.(\w+)\}", r"${\1\2}", text)
        return {"Fn::Sub": [self.plain(text), self.plain(variables | outputs)]}

    def _attribute(self, target: str | list[str]) -> Any:
        name, attribute = target.split(".", 1) if isinstance(target, str) else target
        return self._stack.attribute(name, attribute) if name in self._left_out else {"Fn::GetAtt": target}


@contextmanager
def stack(region: str = REGION, /, **parameters: str) -> Iterator[dict[str, Any]]:
    """What CloudFormation says of the stack once it is made; boto3 asks moto meanwhile.

    moto may be on for other tests too, and then keeps what it has: a second stack takes another `region`.
    """
    from moto.cloudformation import models

    made = Stack(STACK, **parameters)
    with mock_aws(), patch.object(models.Stack, "get_cfn_attribute", _output, create=True):
        _upload(made)
        given = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in (NEEDED | parameters).items()
        ]
        client = boto3.client("cloudformation", region)
        client.create_stack(StackName=STACK, TemplateBody=json.dumps(creatable(made)), Parameters=given)
        yield client.describe_stacks(StackName=STACK)["Stacks"][0]


def _output(nested: Any, attribute: str) -> str:
    """What Fn::GetAtt gives of a nested `moto.cloudformation.models.Stack`, which moto does not know."""
    output = nested.output_map[attribute.removeprefix("Outputs.")]
    assert output is not None, attribute
    return str(output.value)


def made(region: str = REGION) -> dict[str, str]:
    """Logical id -> kind, in the nested stacks too."""
    client = boto3.client("cloudformation", region)
    found = {}
    for stack in client.describe_stacks()["Stacks"]:
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
        for item in (item for page in pages for item in page["StackResourceSummaries"]):
            if item["LogicalResourceId"]:
                found[item["LogicalResourceId"]] = item["ResourceType"]
    return found


def _upload(stack: Stack) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("empty.py", "")
    client = boto3.client("s3", REGION)
    client.create_bucket(Bucket="bucket")
    for key in ("functions", "layer"):
        client.put_object(Bucket="bucket", Key=key, Body=code.getvalue())
    client.create_bucket(Bucket="stacks")
    for name, item in template.of_type(NESTED, stack.own).items():
        key = item["TemplateURL"].removeprefix("stacks/")
        client.put_object(Bucket="stacks", Key=key, Body=json.dumps(creatable(stack.nested(name))))
