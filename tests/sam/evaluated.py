"""The resources that a stack consists of with given parameters, every intrinsic function evaluated."""

import json
from functools import cached_property
from ipaddress import ip_network
from itertools import islice
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from local.template.intrinsics import Resolver, as_text
from tests.sam import template
from tests.sam.parameters import NEEDED
from tests.sam.template import Resource

ACCOUNT, REGION = "123456789012", "eu-west-1"
# The property with the name of a resource, and the part of its ARN before that name.
NAMED = {
    "AWS::Events::Rule": ("Name", f"events:{REGION}:{ACCOUNT}:rule/"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", f"iam::{ACCOUNT}:policy/"),
    "AWS::IAM::Role": ("RoleName", f"iam::{ACCOUNT}:role/"),
    "AWS::KMS::Key": ("", f"kms:{REGION}:{ACCOUNT}:key/"),
    "AWS::SNS::Topic": ("TopicName", f"sns:{REGION}:{ACCOUNT}:"),
    "AWS::Scheduler::ScheduleGroup": ("Name", f"scheduler:{REGION}:{ACCOUNT}:schedule-group/"),
    "AWS::SQS::Queue": ("QueueName", f"sqs:{REGION}:{ACCOUNT}:"),
    "AWS::SecretsManager::Secret": ("Name", f"secretsmanager:{REGION}:{ACCOUNT}:secret:"),
}
NESTED = "AWS::CloudFormation::Stack"
SUFFIX = "-AbCdEf"
"""Secrets Manager puts six random characters at the end of the ARN of a secret."""


class Stack:
    """A stack named `name`, with `parameters` and the defaults for the others, and its nested stacks.

    `document` is a transformed template other than the project's own.
    """

    def __init__(
        self, name: str = "slowmatch", document: dict[str, Any] | None = None, /, **parameters: str
    ) -> None:
        self.document = document or template.transformed()
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid5(NAMESPACE_DNS, name)}",
            "AWS::StackName": name,
        }
        self.name, self.parameters = name, parameters
        self._resolver = _Resolver(self.document, pseudo | NEEDED | parameters, self.attribute)
        self.written: dict[str, Any] = self.document["Resources"]
        self._nested: dict[str, Stack] = {}
        self.own: dict[str, Resource] = {
            logical_id: item | {"Properties": self._resolver.resolve(item.get("Properties", {}))}
            for logical_id, item in self.written.items()
            if self._is_made(item)
        }
        self.outputs: dict[str, Any] = {
            key: self._resolver.resolve(output)
            for key, output in self.document.get("Outputs", {}).items()
            if self._is_made(output)
        }

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """What is made, in the nested stacks too, whose logical ids all differ."""
        made = dict(self.own)
        for logical_id, item in self.own.items():
            if item["Type"] == NESTED:
                made |= self.nested(logical_id).resources
        return made

    def nested(self, logical_id: str) -> "Stack":
        if logical_id not in self._nested:
            properties = self.written[logical_id]["Properties"]
            given = {
                name: as_text(value)
                for name, value in self._resolver.resolve(properties["Parameters"]).items()
            }
            document = template.written(properties["TemplateURL"])
            self._nested[logical_id] = Stack(f"{self.name}-{logical_id}", document, **given)
        return self._nested[logical_id]

    def _is_made(self, item: dict[str, Any]) -> bool:
        return "Condition" not in item or self._resolver.condition(item["Condition"])

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Logical id -> properties."""
        return template.of_type(kind, self.resources)

    def arn(self, logical_id: str) -> str:
        """Of a resource of one of the kinds in NAMED, in a nested stack too."""
        if logical_id not in self.written:
            (stack,) = (each for each in self._nested.values() if logical_id in each.written)
            return stack.arn(logical_id)
        item = self.written[logical_id]
        key, prefix = NAMED[item["Type"]]
        properties = item.get("Properties", {})
        name = self._resolver.resolve(properties[key]) if key in properties else f"{self.name}-{logical_id}"
        return f"arn:aws:{prefix}{name}" + (SUFFIX if "Secret" in item["Type"] else "")

    def attribute(self, logical_id: str, attribute: str | None) -> str:
        """What Fn::GetAtt gives, and Ref for None. An attribute of another kind stands for itself."""
        if attribute == "MasterUserSecret.SecretArn":
            return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-{self.name}{SUFFIX}"
        kind = self.written.get(logical_id, {}).get("Type")
        if kind == NESTED and attribute and attribute.startswith("Outputs."):
            return as_text(self.nested(logical_id).outputs[attribute.removeprefix("Outputs.")]["Value"])
        refers_by_arn = ("AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::SecretsManager::Secret")
        if kind in NAMED and (attribute == "Arn" or (attribute is None and kind in refers_by_arn)):
            return self.arn(logical_id)
        if attribute in (None, "QueueName") and kind in NAMED:
            return self.arn(logical_id).rpartition(":")[2].rpartition("/")[2]
        return ".".join(filter(None, (logical_id, attribute)))


class _Resolver(Resolver):
    """Knows what only a network needs, which nothing makes on one machine."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._functions |= {
            "Fn::Cidr": self._cidr,
            "Fn::ToJsonString": lambda value: json.dumps(self.resolve(value)),
            "Fn::GetAZs": lambda region: [f"{self.resolve(region) or REGION}{zone}" for zone in "abc"],
        }

    def _cidr(self, argument: list[Any]) -> list[str]:
        network, count, bits = (self.resolve(part) for part in argument)
        return [str(subnet) for subnet in islice(ip_network(network).subnets(new_prefix=32 - bits), count)]
