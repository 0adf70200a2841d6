"""Whether the account has what a stage wants: concurrency, and the version of the database."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from moto import mock_aws

from local.errors import StackError
from tests.sam.evaluated import Stack
from tools.deploy import checks
from tools.deploy.stage import Stage


def account(monkeypatch: pytest.MonkeyPatch, unreserved: int, own: int = 0) -> None:
    monkeypatch.setattr(checks, "_unreserved", lambda stage: unreserved)
    monkeypatch.setattr(checks, "_reserved_by_stack", lambda stage: own)


@pytest.mark.parametrize("concurrency", [10, 40, 400])
def test_a_new_stack_gets_what_is_unreserved_less_what_lambda_keeps(
    monkeypatch: pytest.MonkeyPatch, prod: Stage, concurrency: int
) -> None:
    wanted = sum(checks.reservations(concurrency))
    enough = wanted + checks.UNRESERVED
    account(monkeypatch, enough)
    checks.check_quota(prod, concurrency, exists=False)
    account(monkeypatch, enough - 1, own=1000)
    with pytest.raises(StackError, match=rf"ApiConcurrency={concurrency} reserves [0-9 +]+ = {wanted} "):
        checks.check_quota(prod, concurrency, exists=False)


def test_a_stack_keeps_what_it_has_reserved(monkeypatch: pytest.MonkeyPatch, prod: Stage) -> None:
    account(monkeypatch, 100, own=131)
    checks.check_quota(prod, 40, exists=True)
    with pytest.raises(
        StackError, match=r"has 100 unreserved, .* has reserved 131, so it can reserve at most 131"
    ):
        checks.check_quota(prod, 100, exists=True)


def test_what_others_have_reserved_is_not_there_to_take(monkeypatch: pytest.MonkeyPatch, prod: Stage) -> None:
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 120}

    class LambdaClient:
        def get_account_settings(self) -> dict[str, Any]:
            return {"AccountLimit": limits}

    monkeypatch.setattr(Stage, "client", lambda self, service: LambdaClient())
    with pytest.raises(StackError, match=r"has 120 unreserved, .* so it can reserve at most 20"):
        checks.check_quota(prod, 40, exists=False)


def test_a_new_account_can_do_without_a_reservation(monkeypatch: pytest.MonkeyPatch, prod: Stage) -> None:
    account(monkeypatch, 10)
    checks.check_quota(prod, 0, exists=False)


def test_nothing_is_said_where_aws_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, prod: Stage) -> None:
    def refuse(self: Stage, service: str) -> Any:
        raise NoCredentialsError

    monkeypatch.setattr(Stage, "client", refuse)
    checks.check_quota(prod, 40, exists=True)
    assert checks.engine_version_warning(prod, "17.7") is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_the_stack_has_reserved_is_asked_of_its_functions() -> None:
    function = {
        "Code": {"ZipFile": "pass"},
        "Handler": "index.handler",
        "Runtime": "python3.13",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    resources: dict[str, Any] = {
        name: {"Type": "AWS::Lambda::Function", "Properties": function | reserved}
        for name, reserved in {
            "One": {"ReservedConcurrentExecutions": 7},
            "Two": {"ReservedConcurrentExecutions": 9},
            "Unreserved": {},
        }.items()
    }
    resources["Role"] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    with mock_aws():
        cloudformation: Any = boto3.client("cloudformation", "us-west-2")
        cloudformation.create_stack(StackName="quota", TemplateBody=json.dumps({"Resources": resources}))
        deployed = Stage("prod", {"stack_name": "quota", "region": "us-west-2"}, {})
        assert checks._reserved_by_stack(deployed) == 7 + 9


@pytest.mark.parametrize("concurrency", [0, 40])
def test_what_is_counted_is_what_the_template_reserves(concurrency: int) -> None:
    functions = Stack(ApiConcurrency=str(concurrency)).of_type("AWS::Lambda::Function").values()
    reserved = [int(each.get("ReservedConcurrentExecutions", 0)) for each in functions]
    assert sum(checks.reservations(concurrency)) == sum(reserved)
    assert any(reserved) is bool(concurrency)


@pytest.mark.parametrize(
    ("version", "statuses", "warned"),
    [
        ("17.7", ["available"], None),
        ("17.7", ["deprecated"], "DatabaseEngineVersion=17.7 is deprecated"),
        ("17.99", [], "DatabaseEngineVersion=17.99 is not offered"),
        ("17", ["deprecated", "available"], None),
        ("17", [], None),
        ("17", ["deprecated"], "DatabaseEngineVersion=17 is deprecated"),
    ],
)
def test_a_version_that_rds_gives_up_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, prod: Stage, version: str, statuses: list[str], warned: str | None
) -> None:
    class RdsClient:
        def describe_db_engine_versions(self, **asked: Any) -> dict[str, Any]:
            assert asked == {"Engine": "aurora-postgresql", "EngineVersion": version, "IncludeAll": True}
            return {"DBEngineVersions": [{"Status": status} for status in statuses]}

    monkeypatch.setattr(Stage, "client", lambda self, service: RdsClient())
    warning = checks.engine_version_warning(prod, version)
    assert warning is None if warned is None else (warning or "").startswith(warned)
