"""template.yaml and its nested stacks as tests read them: without loops, and as the CloudFormation that SAM makes."""

import copy
import json
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from local.template.loops import expand

ROOT = Path(__file__).parents[2]

Resource = dict[str, Any]


class Route(NamedTuple):
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def source(file: str = "template.yaml") -> dict[str, Any]:
    """The file with its loops. Short tags such as `!Ref x` read as {"Ref": "x"}."""
    document: dict[str, Any] = yaml_parse((ROOT / file).read_text(encoding="utf-8"))
    return document


@cache
def written(file: str = "template.yaml") -> dict[str, Any]:
    """The file without loops: what a loop makes stands beside the rest."""
    return expand(source(file))


def job_rows() -> dict[str, dict[str, Any]]:
    """The mapping Job: what the logical ids of a job begin with -> its row."""
    rows: dict[str, dict[str, Any]] = written()["Mappings"]["Job"]
    return rows


def loop(name: str) -> tuple[list[str], dict[str, Any]]:
    """The list and the body of `Fn::ForEach::<name>`."""
    _, items, body = source()["Resources"][f"Fn::ForEach::{name}"]
    return items, body


@cache
def nested() -> dict[str, dict[str, Any]]:
    """The documents of the nested stacks, by their logical ids in the root."""
    stacks = of_type("AWS::CloudFormation::Stack", written()["Resources"])
    return {name: written(stack["TemplateURL"]) for name, stack in stacks.items()}


@cache
def all_resources() -> dict[str, Resource]:
    """The resources of the root and of the nested stacks, whose logical ids all differ."""
    found = dict(written()["Resources"])
    for document in nested().values():
        assert not found.keys() & document["Resources"].keys()
        found |= document["Resources"]
    return found


@cache
def transformed() -> dict[str, Any]:
    return transform_of(written())


def transform_of(document: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    # The transform runs where the code is uploaded already.
    for function in of_type("AWS::Serverless::Function", document["Resources"]).values():
        function["CodeUri"] = "s3://bucket/functions"
    for layer in of_type("AWS::Serverless::LayerVersion", document["Resources"]).values():
        layer["ContentUri"] = "s3://bucket/layer"
    result: dict[str, Any] = transform(document, {}, _NoManagedPolicies())
    return result


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def of_type(kind: str, resources: dict[str, Any] | None = None) -> dict[str, Resource]:
    """Logical id -> properties, of the given resources or of all that there are."""
    chosen = all_resources() if resources is None else resources
    return {name: item["Properties"] for name, item in chosen.items() if item["Type"] == kind}


def functions() -> dict[str, Resource]:
    return of_type("AWS::Serverless::Function")


def folder(logical_id: str) -> str:
    """The function's folder below functions/ and events/."""
    return str(functions()[logical_id]["Handler"]).split(".", 1)[0]


def timeout(logical_id: str) -> int:
    return int(functions()[logical_id].get("Timeout", written()["Globals"]["Function"]["Timeout"]))


def events(logical_id: str, kind: str) -> list[dict[str, Any]]:
    own = functions()[logical_id].get("Events", {}).values()
    return [event["Properties"] for event in own if event["Type"] == kind]


def routes(logical_id: str) -> set[Route]:
    return {Route(event["Method"], event["Path"]) for event in events(logical_id, "HttpApi")}


def api_functions() -> list[str]:
    return [name for name in functions() if events(name, "HttpApi")]


def job_functions() -> dict[str, str]:
    """Logical id of a job's function -> the job. A row that no loop names makes none."""
    named = {f"{job}Function": str(row["Name"]) for job, row in job_rows().items()}
    return {function: job for function, job in named.items() if function in functions()}


def polled_queues() -> dict[str, str]:
    """Logical id of every function with a queue, the jobs' and the notifier -> that of its queue."""
    return {name: event["Queue"]["Fn::GetAtt"][0] for name in functions() for event in events(name, "SQS")}


def variables() -> dict[str, Any]:
    """What the template sets in the environment of all functions, or of one."""
    found: dict[str, Any] = dict(written()["Globals"]["Function"]["Environment"]["Variables"])
    for function in functions().values():
        found |= function.get("Environment", {}).get("Variables", {})
    return found


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # SAM asks for the partition
    print(json.dumps(transformed(), indent=1))  # noqa: T201  # for `make security`
