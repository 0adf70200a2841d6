"""Statements without a reason, encryption at rest, and no secret where somebody could read it.

What each function may do is in test_template_permissions.py.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from slowmatch.settings import Settings
from tests.sam import template
from tests.sam.evaluated import Stack
from tests.sam.permissions import as_list
from tests.sam.template import of_type

RESOURCES = {
    name: item
    for document in (template.transformed(), *template.nested().values())
    for name, item in document["Resources"].items()
}
FUNCTIONS = sorted(template.functions())

# AWS's managed policies reach every resource of their kind, and SAM attaches them by itself.
MANAGED = {
    "AWSLambdaBasicExecutionRole": "writing logs; what a function may write is all it may do with them",
    "AWSXrayWriteOnlyAccess": "sending traces; X-Ray knows no resources to name",
    "AWSLambdaVPCAccessExecutionRole": "network interfaces in the subnets; EC2 has no name for one before it is made",
    "AWSLambdaSQSQueueExecutionRole": "Lambda's poller; comes with every SQS event of a function",
}
# A statement that names no resource, or whose action ends in a star, needs a reason here.
STARS = {
    (
        "NotifyKey",
        "Administration",
    ): "in a key's own policy * is this key; without it nobody could manage the key",
    ("NotifyKey", "AlarmsOfThisAccount"): "in a key's own policy * is this key; the account is its condition",
    ("SchedulesKeeping", "Listing"): "IAM knows no group of schedules to name",
}
# A principal of everybody is one that is denied something.
DENIED = {("NotifyTopicPolicy", "EncryptedOnTheWay")}


# who may what


def test_a_statement_with_a_star_has_its_reason() -> None:
    starred = {(name, statement.get("Sid", "")) for name, statement in _statements() if _has_star(statement)}
    assert starred == set(STARS)


def test_everybody_is_only_ever_denied_something() -> None:
    everybody = {
        (name, statement.get("Sid", "")): statement["Effect"]
        for name, statement in _statements()
        if statement.get("Principal") in ("*", {"AWS": "*"})
    }
    assert everybody == dict.fromkeys(DENIED, "Deny")


def test_services_may_only_what_comes_from_the_stack_or_its_account() -> None:
    """What assumes a role is in test_template_permissions.py."""
    account = {"Ref": "AWS::AccountId"}
    wanted: dict[str, tuple[str, list[str], Any]] = {
        "NotifyKey": ("cloudwatch", ["kms:Decrypt", "kms:GenerateDataKey"], account),
        "NotifyTopicPolicy": ("cloudwatch", ["sns:Publish"], account),
    }
    for job in template.loop("ScheduledJobs")[0]:
        rule = {"Fn::GetAtt": [f"{job}Schedule", "Arn"]}
        wanted[f"{job}QueuePolicy"] = ("events", ["sqs:SendMessage"], rule)
    found = {}
    for name, statement in _statements():
        service, actions = _service(statement), as_list(statement["Action"])
        if service and actions != ["sts:AssumeRole"]:
            (sources,) = statement["Condition"].values()
            ((key, source),) = sources.items()
            assert key in ("aws:SourceAccount", "aws:SourceArn")
            found[name] = (service.removesuffix(".amazonaws.com"), actions, source)
    assert found == wanted


def test_each_function_has_a_role_of_its_own() -> None:
    roles = [RESOURCES[function]["Properties"]["Role"]["Fn::GetAtt"][0] for function in FUNCTIONS]
    assert roles == [f"{function}Role" for function in FUNCTIONS]


def test_managed_policies_are_the_ones_that_have_a_reason() -> None:
    roles = of_type("AWS::IAM::Role", RESOURCES)
    attached = [arn for role in roles.values() for arn in role["ManagedPolicyArns"]]
    assert {arn.rpartition("/")[2] for arn in attached if isinstance(arn, str)} == set(MANAGED)


def test_every_policy_of_the_template_is_attached_to_a_role() -> None:
    roles, policies = of_type("AWS::IAM::Role", RESOURCES), of_type("AWS::IAM::ManagedPolicy", RESOURCES)
    attached = [arn for role in roles.values() for arn in role["ManagedPolicyArns"] if isinstance(arn, dict)]
    named = {arn["Ref"] for arn in attached if "Ref" in arn}
    named |= {arn["Fn::GetAtt"][1].removeprefix("Outputs.") for arn in attached if "Fn::GetAtt" in arn}
    assert named | {name for name, policy in policies.items() if policy.get("Roles")} == set(policies)
    assert all(role["Ref"] in roles for policy in policies.values() for role in policy.get("Roles", []))


# encryption at rest


def test_everything_that_keeps_data_encrypts_them() -> None:
    kept: dict[str, Callable[[dict[str, Any]], bool]] = {
        "AWS::SQS::Queue": lambda item: item["SqsManagedSseEnabled"] is True,
        "AWS::SNS::Topic": lambda item: item["KmsMasterKeyId"] == {"Ref": "NotifyKey"},
        "AWS::RDS::DBCluster": lambda item: item["StorageEncrypted"] is True,
    }
    for kind, encrypts in kept.items():
        found = of_type(kind, RESOURCES).values()
        assert found and all(map(encrypts, found)), kind


def test_every_log_group_of_the_deployed_stack_forgets() -> None:
    groups = Stack(LogRetentionDays="7").of_type("AWS::Logs::LogGroup")
    assert {str(group["RetentionInDays"]) for group in groups.values()} == {"7"}
    assert len(groups) == len(FUNCTIONS) + 2  # the API's and the database's


# secrets


def test_no_parameter_is_a_secret() -> None:
    names = [
        name for name in template.written()["Parameters"] if re.search("Password|Key$|Token|Secret", name)
    ]
    assert all(name.endswith("Arn") for name in names)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_environment_variable_holds_a_secret(function: str) -> None:
    variables = RESOURCES[function]["Properties"]["Environment"]["Variables"]
    text = json.dumps(variables)
    assert "resolve:secretsmanager" not in text
    assert "resolve:ssm-secure" not in text
    assert not [name for name in variables if re.search("PASSWORD|TOKEN|API_KEY|PRIVATE", name)]
    assert all(name.endswith("_ARN") for name in variables if "SECRET" in name)


def test_the_settings_know_secrets_by_their_arn_only() -> None:
    named = [name for name in Settings.__dataclass_fields__ if re.search("secret|password|token|key", name)]
    assert all(name.endswith("_secret_arn") for name in named)


def test_outputs_tell_no_secret() -> None:
    assert "Secret" not in json.dumps([output["Value"] for output in template.written()["Outputs"].values()])


def _service(statement: dict[str, Any]) -> str | None:
    principal = statement.get("Principal")
    return principal.get("Service") if isinstance(principal, dict) else None


def _has_star(statement: dict[str, Any]) -> bool:
    actions = [action for action in as_list(statement["Action"]) if action.endswith("*")]
    return "*" in as_list(statement.get("Resource")) or bool(actions)


def _statements() -> list[tuple[str, dict[str, Any]]]:
    """Every policy statement of the deployed stack, with the name of what it belongs to."""
    return [
        (name, statement) for name, item in RESOURCES.items() for statement in _within(item["Properties"])
    ]


def _within(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _within(item)
    elif isinstance(value, dict):
        if "Effect" in value:
            yield value
        for item in value.values():
            yield from _within(item)
