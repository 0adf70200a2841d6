"""The transformed template, made by moto as far as moto can: what the stack then really consists of."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from slowmatch.jobs.catalog import JOBS
from tests.sam import moto_stack, template, watching
from tests.sam.evaluated import Stack

STACK = Stack(moto_stack.STACK)

# By moto 5.2. The linter holds these to AWS's schemas, and tests of their own to what they are for.
SKIPPED = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::Cognito::UserPoolUser",
    "AWS::Cognito::UserPoolUserToGroupAttachment",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBInstance",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::Secret",
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def stack() -> Iterator[dict[str, Any]]:
    with moto_stack.stack() as made:
        yield made


def client(service: str) -> Any:
    make: Any = boto3.client
    return make(service, moto_stack.REGION)


def test_moto_skips_what_is_named_here_and_no_more() -> None:
    assert moto_stack.skipped() == SKIPPED


def test_the_stack_is_made_complete(stack: dict[str, Any]) -> None:
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert set(moto_stack.made()) == moto_stack.wanted()


def test_every_function_is_there_with_its_settings(stack: dict[str, Any]) -> None:
    functions = client("lambda").list_functions()["Functions"]
    assert len(functions) == len(template.functions())
    for function in functions:
        variables = function["Environment"]["Variables"]
        assert variables["STACK_NAME"] == moto_stack.STACK
        assert variables["POWERTOOLS_SERVICE_NAME"] == moto_stack.STACK
        assert all(isinstance(value, str | int) for value in variables.values())
        assert len(function["VpcConfig"]["SubnetIds"]) == 2


def test_every_job_s_queue_is_found_by_the_address_that_the_functions_make(stack: dict[str, Any]) -> None:
    function = client("lambda").list_functions()["Functions"][0]
    prefix = function["Environment"]["Variables"]["QUEUE_URL_PREFIX"]
    for job in JOBS:
        assert client("sqs").get_queue_url(QueueName=f"{moto_stack.STACK}-{job}")["QueueUrl"] == prefix + job


def test_every_queue_but_those_of_dead_letters_hands_on_to_one(stack: dict[str, Any]) -> None:
    for url in client("sqs").list_queues()["QueueUrls"]:
        answer = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert answer["SqsManagedSseEnabled"] == "true"
        if not url.endswith("-dead"):
            policy = json.loads(answer["RedrivePolicy"])
            assert policy["deadLetterTargetArn"].endswith(f"{url.rpartition('/')[2]}-dead")


def test_the_rules_fire(stack: dict[str, Any]) -> None:
    rules = {rule["Name"]: rule for rule in client("events").list_rules()["Rules"]}
    rows = template.job_rows().values()
    scheduled = {f"{moto_stack.STACK}-{row['Name']}" for row in rows if "Schedule" in row}
    assert scheduled <= set(rules)
    assert len(rules) == len(scheduled) + 1  # and the dispatcher's
    assert all(rule["State"] == "ENABLED" for rule in rules.values())


def test_the_queues_feed_their_functions(stack: dict[str, Any]) -> None:
    mappings = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert len(mappings) == len(template.polled_queues())
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings)


def test_the_network_is_there(stack: dict[str, Any]) -> None:
    ec2 = client("ec2")
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.42.0.0/16"]}])["Vpcs"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}])["Subnets"]
    assert len(subnets) == 4
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == 1


def test_the_dashboard_is_there(stack: dict[str, Any]) -> None:
    body = client("cloudwatch").get_dashboard(DashboardName=moto_stack.STACK)["DashboardBody"]
    assert len(json.loads(body)["widgets"]) == len(watching.dashboard(STACK)["widgets"])


def test_cloudwatch_takes_every_alarm(stack: dict[str, Any]) -> None:
    alarms = watching.alarms(STACK)
    for alarm in alarms.values():
        numbers = {
            "Threshold": float(alarm["Threshold"]),
            "EvaluationPeriods": int(alarm["EvaluationPeriods"]),
        }
        client("cloudwatch").put_metric_alarm(**alarm | numbers)
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate()
    assert len([alarm for page in pages for alarm in page["MetricAlarms"]]) == len(alarms)


def test_the_outputs_name_what_people_ask_for(stack: dict[str, Any]) -> None:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert set(outputs) == {"ApiUrl", "DatabaseEndpoint", "NotifyTopicArn", "UserPoolId"}
    assert all(outputs.values())
