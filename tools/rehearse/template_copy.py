"""Copies the build and changes what ministack cannot do. The template itself stays as it is."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

UNKNOWN_TYPES = (
    "AWS::EC2::EIP",
    "AWS::EC2::NatGateway",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::Cognito::UserPoolUser",
    "AWS::Cognito::UserPoolUserToGroupAttachment",
)
ALARM = "AWS::CloudWatch::Alarm"
FUNCTION = "AWS::Serverless::Function"
NESTED = "AWS::CloudFormation::Stack"
NEVER = "cron(0 0 29 2 ? *)"

REASONS = {
    "unknown type": "ministack refuses a template with a type that it does not know",
    "refers to it": "it depends on a resource that was left out",
    "metric math": "ministack refuses an alarm on several metrics, so only the first one is watched",
    "AWS_ENDPOINT_URL": "an empty value would send the functions to AWS itself instead of ministack",
    "sqs:SendMessageBatch": "ministack requires a permission of this name; in AWS sqs:SendMessage is enough",
    "ses": "ministack does not read the sender from a raw message, so such a permission applies to every sender",
    "events": "ministack looks for rule/default/NAME instead of rule/NAME, so such a permission is for every rule",
    "scheduler": "ministack looks for schedule/default/NAME in every group, so such a permission is for every schedule",
    "aws:SecureTransport": "requests to ministack do not use TLS, which such a statement requires",
    "Schedule": "no rule may fire during the rehearsal, so all are scheduled for 29 February",
    "DatabaseTls": "the PostgreSQL of this machine is built without TLS, so `disable` is allowed as well",
}
"""Every kind of change, and the reason. `copy_build` returns the places."""

_SUB_NAME = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")

Template = dict[str, Any]
Changes = list[tuple[str, str]]


def copy_build(build: Path, target: Path) -> Changes:
    """Copy the output of `sam build`. Returns the changes: a key of REASONS and the place."""
    shutil.copytree(build, target)
    return _rewrite(target / "template.yaml")


def adapt(template: Template) -> Changes:
    """Change one template in place."""
    changes = [
        *_leave_out(template),
        *_simplify_alarms(template),
        *_unset_endpoint(template),
        *_silence(template),
    ]
    for _, name, resource in resources(template):
        changes += [(reason, name) for reason in sorted(_widen_permissions(resource))]
    tls = template.get("Parameters", {}).get("DatabaseTls", {}).get("AllowedValues")
    if tls is not None:
        tls.append("disable")
        changes.append(("DatabaseTls", "DatabaseTls"))
    return changes


def reschedule(path: Path, job: str, expression: str) -> None:
    """Change a job's schedule in a copied template."""
    template: Template = yaml_parse(path.read_text(encoding="utf-8"))
    job_rows(template)[job]["Schedule"] = expression
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")


def job_rows(template: Template) -> dict[str, dict[str, Any]]:
    """The mapping with a row for each job, which only the root template has."""
    rows: dict[str, dict[str, Any]] = template.get("Mappings", {}).get("Job", {})
    return rows


def resources(template: Template) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Each resource with its name and the mapping that contains it, including those in the body of a loop."""
    yield from _resources(template.get("Resources", {}))


def _resources(holder: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    for name, value in list(holder.items()):
        if name.startswith("Fn::ForEach::"):
            yield from _resources(value[2])
        else:
            yield holder, name, value


def _rewrite(path: Path) -> Changes:
    template: Template = yaml_parse(path.read_text(encoding="utf-8"))
    changes = adapt(template)
    # The SAM CLI reads YAML, and JSON is YAML.
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")
    for _, _, resource in resources(template):
        if resource["Type"] == NESTED:
            changes += _rewrite(path.parent / resource["Properties"]["TemplateURL"])
    return changes


def _leave_out(template: Template) -> Changes:
    """Remove unknown types, and repeatedly what refers to something removed."""
    changes: Changes = []
    removed: set[str] = set()
    while True:
        found = [
            (holder, name, "unknown type" if resource["Type"] in UNKNOWN_TYPES else "refers to it")
            for holder, name, resource in resources(template)
            if resource["Type"] in UNKNOWN_TYPES or references(resource.get("Properties")) & removed
        ]
        if not found:
            break
        for holder, name, reason in found:
            changes.append((reason, f"{name} ({holder.pop(name)['Type']})"))
            removed.add(name)
    for _, _, resource in resources(template):
        _stop_waiting(resource, removed)
    outputs = template.get("Outputs", {})
    for name in [name for name, output in outputs.items() if references(output) & removed]:
        del outputs[name]
        changes.append(("refers to it", f"output {name}"))
    return changes


def _stop_waiting(resource: dict[str, Any], removed: set[str]) -> None:
    waits = resource.pop("DependsOn", [])
    left = [name for name in ([waits] if isinstance(waits, str) else waits) if name not in removed]
    if left:
        resource["DependsOn"] = left


def references(node: Any) -> set[str]:
    """The logical ids that a part of a template refers to by Ref, GetAtt and Sub."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    found = references(list(node.values()))
    if isinstance(node.get("Ref"), str):
        found.add(node["Ref"])
    attribute = node.get("Fn::GetAtt")
    name = attribute[0] if isinstance(attribute, list) else (attribute or "").partition(".")[0]
    if name and isinstance(name, str):  # in a loop it may be a Sub, which is handled below
        found.add(name)
    if "Fn::Sub" in node:
        text, own = node["Fn::Sub"], {}
        if isinstance(text, list):
            text, own = text
        found |= set(_SUB_NAME.findall(text)) - own.keys()
    return found


def _simplify_alarms(template: Template) -> Changes:
    changes: Changes = []
    for _, name, resource in resources(template):
        properties = resource.get("Properties", {})
        metrics = [each["MetricStat"] for each in properties.get("Metrics", []) if "MetricStat" in each]
        if resource["Type"] == ALARM and metrics:
            del properties["Metrics"]
            first = metrics[0]
            properties |= first["Metric"] | {"Period": first["Period"], "Statistic": first["Stat"]}
            changes.append(("metric math", name))
    return changes


def _unset_endpoint(template: Template) -> Changes:
    shared = template.get("Globals", {}).get("Function", {})
    own = {name: item["Properties"] for _, name, item in resources(template) if item["Type"] == FUNCTION}
    return [
        ("AWS_ENDPOINT_URL", name)
        for name, holder in {"Globals": shared, **own}.items()
        if holder.get("Environment", {}).get("Variables", {}).pop("AWS_ENDPOINT_URL", None) is not None
    ]


def _silence(template: Template) -> Changes:
    rows = {name: row for name, row in job_rows(template).items() if "Schedule" in row}
    for row in rows.values():
        row["Schedule"] = NEVER
    return [("Schedule", name) for name in rows]


def _widen_permissions(node: Any) -> set[str]:
    """Widen the permissions in a part of a template. Returns the keys of REASONS."""
    if isinstance(node, list):
        return set().union(*map(_widen_permissions, node))
    if not isinstance(node, dict):
        return set()
    found = _widen_permissions(list(node.values()))
    statements = node.get("Statement")
    if not isinstance(statements, list):
        return found
    for statement in list(statements):
        actions = statement.get("Action", [])
        actions = [actions] if isinstance(actions, str) else list(actions)
        if "aws:SecureTransport" in json.dumps(statement.get("Condition")):
            statements.remove(statement)
            found.add("aws:SecureTransport")
        for service in ("events", "scheduler", "ses"):
            anywhere = [action for action in actions if action.startswith(f"{service}:")]
            if anywhere and statement["Effect"] == "Allow":
                statements.append({"Effect": "Allow", "Action": anywhere, "Resource": "*"})
                found.add(service)
        if "sqs:SendMessage" in actions:
            statement["Action"] = [*actions, "sqs:SendMessageBatch"]
            found.add("sqs:SendMessageBatch")
    return found
