"""The transformed template as far as moto's CloudFormation can make it."""

import copy
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from itertools import islice
from typing import Any

import boto3
from moto import mock_aws
from moto.cloudformation import parsing

from tests.sam import template
from tests.sam.evaluated import Stack
from tests.sam.parameters import NEEDED

STACK = "slowmatch"
REGION = "us-east-1"
NO_VALUE = {"Ref": "AWS::NoValue"}
REFERENCE = re.compile(r"\$\{(\w+)(?:\.[\w.]+)?\}")


def skipped() -> set[str]:
    """The kinds of resources that moto has no model for, or none of Aurora."""
    kinds = {item["Type"] for item in template.transformed()["Resources"].values()}
    return {kind for kind in kinds if parsing.resource_class_from_type(kind) is None} | {
        "AWS::RDS::DBInstance"
    }


def creatable(**parameters: str) -> dict[str, Any]:
    """Without what moto skips or does not understand; who refers to it gets a name or ARN as AWS would give."""
    document = copy.deepcopy(template.transformed())
    left_out = {name for name, item in document["Resources"].items() if item["Type"] in skipped()}
    document["Resources"] = {
        name: item for name, item in document["Resources"].items() if name not in left_out
    }
    for item in document["Resources"].values():
        item.pop("DependsOn", None)
    document.pop("Rules")  # moto takes them, and looks at none
    result: dict[str, Any] = _Plainer(left_out, Stack(STACK, **parameters)).plain(document)
    return result


def wanted(**parameters: str) -> set[str]:
    """The logical ids of what a stack with these parameters consists of."""
    return {
        name for name, item in Stack(STACK, **parameters).resources.items() if item["Type"] not in skipped()
    }


class _Plainer:
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
        for name, replace in {
            "Fn::If": self._chosen,
            "Fn::Cidr": _subnets,
            "Fn::GetAtt": self._attribute,
        }.items():
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

    def _attribute(self, target: str | list[str]) -> Any:
        name, attribute = target.split(".", 1) if isinstance(target, str) else target
        return self._stack.attribute(name, attribute) if name in self._left_out else {"Fn::GetAtt": target}


def _subnets(argument: list[Any]) -> list[str]:
    """Fn::Cidr, which moto does not know, of a parameter's default."""
    network, count, bits = argument
    addresses = ip_network(template.written()["Parameters"][network["Ref"]]["Default"])
    return [str(subnet) for subnet in islice(addresses.subnets(new_prefix=32 - bits), count)]


@contextmanager
def stack(region: str = REGION, /, **parameters: str) -> Iterator[dict[str, Any]]:
    """What CloudFormation says of the stack once it is made; boto3 asks moto meanwhile.

    moto may be on for other tests too, and then keeps what it has: a second stack takes another `region`.
    """
    with mock_aws():
        _upload()
        given = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in (NEEDED | parameters).items()
        ]
        client = boto3.client("cloudformation", region)
        client.create_stack(
            StackName=STACK, TemplateBody=json.dumps(creatable(**parameters)), Parameters=given
        )
        yield client.describe_stacks(StackName=STACK)["Stacks"][0]


def made(region: str = REGION) -> dict[str, str]:
    """Logical id -> kind."""
    pages = boto3.client("cloudformation", region).get_paginator("list_stack_resources")
    summaries = [item for page in pages.paginate(StackName=STACK) for item in page["StackResourceSummaries"]]
    return {
        item["LogicalResourceId"]: item["ResourceType"] for item in summaries if item["LogicalResourceId"]
    }


def _upload() -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("empty.py", "")
    client = boto3.client("s3", REGION)
    client.create_bucket(Bucket="bucket")
    for key in ("functions", "layer"):
        client.put_object(Bucket="bucket", Key=key, Body=code.getvalue())
