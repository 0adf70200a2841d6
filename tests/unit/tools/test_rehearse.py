"""What the rehearsal changes in its copy of the template, and the samconfig.toml that it deploys by."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.sam import template
from tools.rehearse import template_copy
from tools.rehearse.deployment import samconfig
from tools.rehearse.ministack import CONFINED


def adapted(resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
    document = {"Resources": resources, **sections}
    template_copy.adapt(document)
    return document


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def test_an_unknown_type_is_left_out_with_what_needs_it() -> None:
    route = resource("AWS::EC2::Route", NatGatewayId={"Ref": "Nat"})
    watched = resource("AWS::SNS::Topic", TopicName={"Fn::Sub": "${Route}-topic"})
    kept = resource("AWS::SQS::Queue") | {"DependsOn": ["Nat", "Other"]}
    document = adapted(
        {
            "Topic": watched,
            "Route": route,
            "Nat": resource("AWS::EC2::NatGateway"),
            "Queue": kept,
            "Other": resource("AWS::SQS::Queue"),
        },
        Outputs={"Out": {"Value": {"Fn::GetAtt": ["Route", "Id"]}}, "Queue": {"Value": {"Ref": "Queue"}}},
    )
    assert set(document["Resources"]) == {"Queue", "Other"}
    assert document["Resources"]["Queue"]["DependsOn"] == ["Other"]
    assert set(document["Outputs"]) == {"Queue"}


def test_no_job_s_rule_fires_until_its_row_is_changed(tmp_path: Path) -> None:
    rows = {"A": {"Schedule": "cron(0 1 * * ? *)"}, "B": {"Schedule": "cron(0 2 * * ? *)"}, "C": {}}
    (tmp_path / "build").mkdir()
    template_file = tmp_path / "build" / "template.yaml"
    template_file.write_text(json.dumps({"Mappings": {"Job": rows}, "Resources": {}}))
    copied = tmp_path / "copy" / "template.yaml"
    changes = template_copy.copy_build(tmp_path / "build", copied.parent)
    assert changes == [("Schedule", "A"), ("Schedule", "B")]
    template_copy.reschedule(copied, "B", "cron(* * * * ? *)")
    assert json.loads(copied.read_text())["Mappings"]["Job"] == {
        "A": {"Schedule": template_copy.NEVER},
        "B": {"Schedule": "cron(* * * * ? *)"},
        "C": {},
    }


@pytest.mark.parametrize(("effect", "resources"), [("Allow", ["one", "*"]), ("Deny", ["one"])])
def test_only_what_is_allowed_is_widened_for_ministack(effect: str, resources: list[str]) -> None:
    statement = {"Effect": effect, "Action": "ses:SendEmail", "Resource": "one"}
    policy = resource("AWS::IAM::Policy", PolicyDocument={"Statement": [statement]})
    adapted({"Policy": policy})
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    assert [each["Resource"] for each in statements] == resources


def test_every_template_of_the_build_is_adapted(tmp_path: Path) -> None:
    build = tmp_path / "build"
    (build / "Network").mkdir(parents=True)
    (build / "Network" / "template.yaml").write_text("Resources: {Nat: {Type: AWS::EC2::NatGateway}}")
    network = resource("AWS::CloudFormation::Stack", TemplateURL="Network/template.yaml")
    (build / "template.yaml").write_text(json.dumps({"Resources": {"Network": network}}))
    changes = template_copy.copy_build(build, tmp_path / "copy")
    assert changes == [("unknown type", "Nat (AWS::EC2::NatGateway)")]
    assert json.loads((tmp_path / "copy" / "Network" / "template.yaml").read_text())["Resources"] == {}
    assert "NatGateway" in (build / "Network" / "template.yaml").read_text()


def test_every_difference_has_its_reason_and_every_reason_a_difference(tmp_path: Path) -> None:
    written = tmp_path / "written"
    shutil.copytree(template.ROOT / "stacks", written / "stacks")
    shutil.copy(template.ROOT / "template.yaml", written)
    changes = template_copy.copy_build(written, tmp_path / "copy")
    assert {reason for reason, _ in changes} == set(template_copy.REASONS)


def test_the_rehearsal_deploys_as_the_project_s_own_samconfig_does() -> None:
    project = tomllib.loads((template.ROOT / "samconfig.toml").read_text(encoding="utf-8"))["default"]
    made = tomllib.loads(samconfig({"A": "b", "MailSenderName": "My Company"}))["rehearsal"]
    assert made["deploy"]["parameters"] == project["deploy"]["parameters"] | {
        "confirm_changeset": False,
        "parameter_overrides": ["A=b", 'MailSenderName="My Company"'],
    }


@pytest.mark.parametrize(
    ("host", "port", "leads_to"),
    [
        ("hooks.test", 443, "('127.0.0.1', 4711)"),
        ("127.0.0.1", 5432, "('127.0.0.1', 5432)"),
        ("hooks.test", 80, "hooks.test:80 is not part of the rehearsal"),
        ("example.org", 443, "example.org:443 is not part of the rehearsal"),
        ("192.0.2.1", 443, "192.0.2.1:443 is not part of the rehearsal"),
    ],
)
def test_no_name_leads_off_this_machine(host: str, port: int, leads_to: str) -> None:
    look_up = f"import socket; print(socket.getaddrinfo({host!r}, {port}, type=socket.SOCK_STREAM)[0][4])"
    environment = os.environ | {"PYTHONPATH": str(CONFINED), "REHEARSAL_NAMES": '{"hooks.test:443": 4711}'}
    done = subprocess.run(
        [sys.executable, "-c", look_up], env=environment, capture_output=True, text=True, check=False
    )
    assert leads_to in done.stdout + done.stderr
