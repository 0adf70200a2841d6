"""What template.yaml promises, and that the code on the other side of each name exists."""

import ast
import importlib
import json
import re
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from typing import Any

import pytest

from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.messages import parse_message
from tests.sam import template
from tests.sam.evaluated import Stack
from tests.sam.template import ROOT, Route, of_type

FUNCTIONS = sorted(template.functions())
APIS = sorted(template.api_functions())
QUEUES = sorted(template.queue_functions().items())
POLLED = sorted(template.polled_queues().items())
JOB_RULES = sorted(of_type("AWS::Events::Rule"))
SCHEDULED = {name for name, spec in JOBS.items() if spec.scheduled}


# functions


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_handler_resolves_to_a_name_in_a_file(function: str) -> None:
    module, name = template.functions()[function]["Handler"].rsplit(".", 1)
    tree = ast.parse((ROOT / "functions" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert name in defined | assigned


def test_every_function_folder_is_in_the_template() -> None:
    folders = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
    assert folders == {template.folder(function) for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_a_log_group_of_its_own_that_forgets(function: str) -> None:
    group = template.functions()[function]["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == function.removesuffix("Function") + "Logs"
    assert "RetentionInDays" in of_type("AWS::Logs::LogGroup")[group]


def test_every_log_group_forgets() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert [name for name, group in groups.items() if "RetentionInDays" not in group] == []


def test_no_function_folder_has_requirements_of_its_own() -> None:
    assert list((ROOT / "functions").rglob("requirements*.txt")) == []


# queues


@pytest.mark.parametrize(("function", "queue"), POLLED)
def test_every_queue_has_a_dead_letter_queue_that_keeps_messages_longer(function: str, queue: str) -> None:
    queues = of_type("AWS::SQS::Queue")
    dead = queues[queue]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert template.job_of(dead) == f"{template.job_of(queue)}-dead"
    assert queues[dead]["MessageRetentionPeriod"] > queues[queue]["MessageRetentionPeriod"]


@pytest.mark.parametrize(("function", "queue"), POLLED)
def test_a_message_stays_hidden_for_at_least_six_times_the_function_s_time_out(
    function: str, queue: str
) -> None:
    hidden = of_type("AWS::SQS::Queue")[queue]["VisibilityTimeout"]
    assert 6 * template.timeout(function) <= hidden <= 12 * 3600


@pytest.mark.parametrize(("function", "queue"), POLLED)
def test_a_message_is_received_at_least_five_times_before_it_is_dead(function: str, queue: str) -> None:
    assert of_type("AWS::SQS::Queue")[queue]["RedrivePolicy"]["maxReceiveCount"] >= 5


@pytest.mark.parametrize("function", [function for function, _ in QUEUES])
def test_a_job_s_function_takes_one_message_at_a_time_and_reports_each_failed_one(function: str) -> None:
    (event,) = template.events(function, "SQS")
    assert event["BatchSize"] == 1
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_every_queue_is_either_polled_or_holds_dead_letters() -> None:
    queues = of_type("AWS::SQS::Queue")
    polled = set(template.polled_queues().values())
    dead = {queues[queue]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for queue in polled}
    assert set(queues) == polled | dead
    assert polled & dead == set()


def test_every_queue_is_encrypted() -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in of_type("AWS::SQS::Queue").values())


# jobs


def test_every_job_of_the_catalog_has_a_queue_and_if_it_is_scheduled_a_rule_named_after_it() -> None:
    assert {template.job_of(queue) for _, queue in QUEUES} == set(JOBS)
    assert {template.job_of(rule) for rule in JOB_RULES} == SCHEDULED


@pytest.mark.parametrize(("function", "queue"), QUEUES)
def test_the_folder_of_a_job_s_function_is_named_after_the_job(function: str, queue: str) -> None:
    assert template.folder(function) == template.job_of(queue).replace("-", "_")


@pytest.mark.parametrize("rule", JOB_RULES)
def test_a_rule_sends_a_tick_of_its_own_job_to_its_own_queue(rule: str) -> None:
    (target,) = of_type("AWS::Events::Rule")[rule]["Targets"]
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"time": "$.time"}
    message = transformer["InputTemplate"].replace("<time>", '"2026-12-31T02:00:00Z"')
    job = template.job_of(rule)
    assert parse_message(message) == {"job": job, "occurrence": datetime(2026, 12, 31, 2, tzinfo=UTC)}
    assert template.job_of(target["Arn"]["Fn::GetAtt"][0]) == job


@pytest.mark.parametrize("rule", JOB_RULES)
def test_a_rule_s_schedule_is_a_parameter_in_cron(rule: str) -> None:
    parameter = of_type("AWS::Events::Rule")[rule]["ScheduleExpression"]["Ref"]
    assert template.written()["Parameters"][parameter]["Default"].startswith("cron(")


def test_the_jobs_run_when_they_are_meant_to() -> None:
    parameters = template.written()["Parameters"]
    assert parameters["ExpirySchedule"]["Default"] == "cron(0 * * * ? *)"  # every full hour
    assert parameters["CleanupSchedule"]["Default"] == "cron(0 2 * * ? *)"  # 2 AM UTC


@pytest.mark.parametrize("rule", JOB_RULES)
def test_of_all_services_only_its_own_rule_may_send_to_a_queue(rule: str) -> None:
    queue = of_type("AWS::Events::Rule")[rule]["Targets"][0]["Arn"]["Fn::GetAtt"][0]
    policies = of_type("AWS::SQS::QueuePolicy").values()
    (policy,) = (policy for policy in policies if {"Ref": queue} in policy["Queues"])
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": [queue, "Arn"]},
            "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}},
        }
    ]


# HTTP


@pytest.mark.parametrize("function", APIS)
def test_the_routes_of_the_template_are_the_routes_of_the_code(function: str) -> None:
    assert {str(route) for route in template.routes(function)} == {
        str(route) for route in _routes_of_code(template.folder(function))
    }


def test_no_route_leads_to_two_functions() -> None:
    routes = [route for function in APIS for route in template.routes(function)]
    assert len(routes) == len(set(routes))


def test_the_functions_behind_the_api_and_no_others_carry_what_verifies_a_sign_in() -> None:
    sign_in = {"Ref": "SignInLayer"}
    own = {name: function.get("Layers", []) for name, function in template.functions().items()}
    assert {name for name, layers in own.items() if sign_in in layers} == set(APIS)


@pytest.mark.parametrize(
    ("parameters", "more"),
    [({}, []), ({"ConsoleUrl": "https://jobs.example.com"}, ["https://jobs.example.com"])],
)
def test_sign_in_leads_back_to_the_api_s_address_and_to_a_domain_of_one_s_own(
    parameters: dict[str, str], more: list[str]
) -> None:
    stack = Stack(**parameters)
    (client,) = stack.of_type("AWS::Cognito::UserPoolClient").values()
    consoles = [stack.outputs["ApiUrl"]["Value"], *more]
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["CallbackURLs"] == [f"{console}/sign-in/callback" for console in consoles]
    assert client["LogoutURLs"] == [f"{console}/signed-out" for console in consoles]


def test_nobody_makes_an_account_in_the_user_pool_for_themselves() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool").values()
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_an_address_in_other_case_is_the_same_person() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool").values()
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}


def test_each_role_has_a_group_in_the_user_pool() -> None:
    groups = [group["GroupName"]["Ref"] for group in of_type("AWS::Cognito::UserPoolGroup").values()]
    assert sorted(groups) == ["AdminGroup", "OperatorGroup", "ViewerGroup"]


def test_requests_are_throttled_and_logged() -> None:
    (stage,) = of_type("AWS::ApiGatewayV2::Stage", template.transformed()["Resources"]).values()
    assert stage["DefaultRouteSettings"].keys() == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    line = re.sub(r"\$[A-Za-z.]+", "1", stage["AccessLogSettings"]["Format"])
    assert "requestId" in json.loads(line)


def test_an_api_function_ends_before_the_gateway_s_thirty_seconds() -> None:
    assert all(template.timeout(function) < 30 for function in APIS)


def _routes_of_code(folder: str) -> set[Route]:
    app = importlib.import_module(f"{folder}.app").app
    known = app._static_routes + app._dynamic_routes
    return {Route(route.method, _as_in_the_template(route.path)) for route in known}


def _as_in_the_template(path: str) -> str:
    return re.sub(r"<(\w+)>", r"{\1}", path).replace("{path}.*", "{path+}").replace(".+", "{path+}")


# the whole


def test_the_stack_can_be_made_in_some_order() -> None:
    """No resource needs itself by way of others: the sign-in is where that is easily made."""
    resources = template.transformed()["Resources"]
    needs = {
        name: {needed for needed in _named(resource) if needed in resources} - {name}
        for name, resource in resources.items()
    }
    assert set(TopologicalSorter(needs).static_order()) == set(resources)
    assert {"HttpApi", "UserPool"} <= needs["UserPoolClient"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(value: Any) -> set[str]:
    """The logical ids that Ref, GetAtt, Sub and DependsOn name anywhere below."""
    if isinstance(value, list):
        return {name for item in value for name in _named(item)}
    if not isinstance(value, dict):
        return set()
    found = {str(value["Ref"])} if "Ref" in value else set()
    if "Fn::GetAtt" in value:
        target = value["Fn::GetAtt"]
        found |= {target.split(".")[0] if isinstance(target, str) else target[0]}
    if "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        found |= {name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text)}
    found |= set(_list(value["DependsOn"])) if isinstance(value.get("DependsOn"), str | list) else set()
    return found | {name for item in value.values() for name in _named(item)}


def test_two_stages_in_one_account_do_not_meet() -> None:
    """Whatever has a name of its own has the stack's name in it."""
    names = {
        (logical_id, key): json.dumps(value)
        for logical_id, item in template.written()["Resources"].items()
        for key, value in item["Properties"].items()
        if re.fullmatch(
            r"(Queue|Topic|Alarm|Dashboard|LogGroup|UserPool|Function)?Name|DBClusterIdentifier|Domain", key
        )
        and "Ref" not in value
    }
    assert [
        where for where, name in names.items() if not re.search(r"AWS::Stack(Name|Id)|\bvpc\b", name)
    ] == []
    assert len(names) > 20


# parameters


def test_every_parameter_is_described_and_in_one_group() -> None:
    document = template.written()
    groups = document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(document["Parameters"])
    assert all(parameter.get("Description") for parameter in document["Parameters"].values())


def test_a_parameter_in_free_text_says_what_it_accepts() -> None:
    for name, parameter in template.written()["Parameters"].items():
        if parameter["Type"] == "String" and "AllowedValues" not in parameter:
            assert {"AllowedPattern", "ConstraintDescription"} <= parameter.keys(), name
            default = parameter.get("Default")
            assert default is None or re.fullmatch(parameter["AllowedPattern"], default), name


def test_every_parameter_is_used() -> None:
    document = template.written()
    text = json.dumps({part: document[part] for part in ("Rules", "Conditions", "Globals", "Resources")})
    unused = {
        name
        for name in document["Parameters"]
        if f'"Ref": "{name}"' not in text and f"${{{name}}}" not in text
    }
    assert unused == set()
