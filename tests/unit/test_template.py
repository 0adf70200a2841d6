"""What template.yaml promises, and that the code on the other side of each name exists."""

import ast
import importlib
import json
import re
from dataclasses import fields
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.messages import parse_message
from slowmatch.settings import Settings
from tests.sam import template
from tests.sam.template import ROOT, Route, of_type

FUNCTIONS = sorted(template.functions())
APIS = sorted(template.api_functions())
QUEUES = sorted(template.queue_functions().items())
POLLED = sorted(template.polled_queues().items())
JOB_RULES = sorted(of_type("AWS::Events::Rule"))
SCHEDULED = {name for name, spec in JOBS.items() if spec.scheduled}

# Managed policies reach every resource of their kind, and SAM attaches them by itself.
MANAGED = {
    "AWSLambdaBasicExecutionRole": "writing logs; what a function may write is all it may do with them",
    "AWSXrayWriteOnlyAccess": "sending traces; X-Ray knows no resources to name",
    "AWSLambdaVPCAccessExecutionRole": "network interfaces in the subnets; EC2 has no name for one before it is made",
    "AWSLambdaSQSQueueExecutionRole": "Lambda's poller; comes with every SQS event of a function",
}
# Not settings of slowmatch: what Powertools and botocore read by themselves.
OTHERS_VARIABLES = {
    "AWS_ENDPOINT_URL",
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
REQUIRED = {
    "DB_HOST": "db.example.com",
    "DB_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
    "STACK_NAME": "slowmatch",
    "QUEUE_URL_PREFIX": "https://sqs.eu-west-1.amazonaws.com/123456789012/slowmatch-",
}


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


@pytest.mark.parametrize(("function", "queue"), QUEUES)
def test_a_job_s_queue_and_rule_are_open_to_its_function_the_dispatcher_the_api_and_the_console(
    function: str, queue: str
) -> None:
    policies = of_type("AWS::IAM::Policy").values()
    (policy,) = (policy for policy in policies if policy["PolicyName"] == template.job_of(queue))
    roles = {role["Ref"] for role in policy["Roles"]}
    senders = {"DispatcherFunctionRole", "JobsApiFunctionRole", "ConsoleFunctionRole"}
    assert roles == {f"{function}Role"} | senders
    allowed = {
        (statement["Action"], resource["Fn::GetAtt"][0])
        for statement in policy["PolicyDocument"]["Statement"]
        for resource in _list(statement["Resource"])
    }
    block = queue.removesuffix("Queue")
    assert allowed == {
        ("sqs:SendMessage", queue),
        ("sqs:GetQueueAttributes", queue),
        ("sqs:GetQueueAttributes", f"{block}DeadLetters"),
        *([("events:DescribeRule", f"{block}Schedule")] if template.job_of(queue) in SCHEDULED else []),
    }


# permissions


def test_no_policy_names_every_resource_or_every_action() -> None:
    for name, statement in _statements():
        assert "*" not in _list(statement["Resource"]), name
        assert not any(action.endswith("*") for action in _list(statement["Action"])), name


def test_managed_policies_are_the_ones_that_have_a_reason() -> None:
    roles = of_type("AWS::IAM::Role", template.transformed()["Resources"])
    attached = {arn.rpartition("/")[2] for role in roles.values() for arn in role["ManagedPolicyArns"]}
    assert attached == set(MANAGED)


def test_every_function_can_read_the_database_s_secret() -> None:
    readers = {
        name
        for name, statement in _statements()
        if statement["Action"] == ["secretsmanager:GetSecretValue"]
        and "DatabaseSecretArn" in json.dumps(statement["Resource"])
    }
    assert readers == {f"{function}Role" for function in FUNCTIONS}


def _statements() -> list[tuple[str, dict[str, Any]]]:
    """Every policy statement of the deployed stack, with the name of its role or policy."""
    resources = template.transformed()["Resources"]
    found = []
    for name, role in of_type("AWS::IAM::Role", resources).items():
        for policy in role["Policies"]:
            chosen = policy["Fn::If"][1] if "Fn::If" in policy else policy
            found += [(name, statement) for statement in chosen["PolicyDocument"]["Statement"]]
    for kind in ("AWS::IAM::Policy", "AWS::SQS::QueuePolicy"):
        for name, policy in of_type(kind, resources).items():
            found += [(name, statement) for statement in policy["PolicyDocument"]["Statement"]]
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# environment


def test_the_template_sets_the_variables_that_the_settings_read_and_no_others() -> None:
    read = _Recorder(REQUIRED)
    Settings.from_env(read)
    variables = set(template.variables())
    assert variables - OTHERS_VARIABLES == read.names
    assert variables >= OTHERS_VARIABLES


def test_only_the_notifier_has_a_variable_of_its_own_because_the_others_would_close_a_circle() -> None:
    own = {
        name: function["Environment"]
        for name, function in template.functions().items()
        if "Environment" in function
    }
    assert {name: set(environment["Variables"]) for name, environment in own.items()} == {
        "NotifierFunction": {"CONSOLE_URL"}
    }


def test_a_setting_is_named_as_its_variable() -> None:
    read = _Recorder(REQUIRED)
    Settings.from_env(read)
    assert {field.name.upper() for field in fields(Settings)} == read.names


def test_the_settings_and_the_template_have_the_same_defaults() -> None:
    parameters = template.written()["Parameters"]
    variables = template.written()["Globals"]["Function"]["Environment"]["Variables"]
    references = {name: value["Ref"] for name, value in variables.items() if "Ref" in value}
    defaults = {
        name: str(parameters[parameter]["Default"])
        for name, parameter in references.items()
        if "Default" in parameters.get(parameter, {})
    }
    assert Settings.from_env(REQUIRED | defaults) == Settings.from_env(REQUIRED)


@pytest.mark.parametrize("folder", ["functions", "layers/common"])
def test_nothing_but_the_settings_reads_the_environment_except_for_what_lambda_sets(folder: str) -> None:
    found = {
        (path.name, name)
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"""(?:environ\.get\(|environ\[|getenv\()\s*["'](\w+)""", _text(path))
    }
    assert {item for item in found if not item[1].startswith("AWS_LAMBDA_")} == set()


class _Recorder(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


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
    carrying = {name for name, function in template.functions().items() if "Layers" in function}
    assert carrying == set(APIS)
    assert all(template.functions()[name]["Layers"] == [{"Ref": "SignInLayer"}] for name in APIS)


def test_the_secrets_of_the_sign_in_are_read_by_the_functions_behind_the_api_alone() -> None:
    for secret in ("SessionSecret", "sign-in-??????"):
        readers = {
            name
            for name, statement in _statements()
            if statement["Action"] == ["secretsmanager:GetSecretValue"]
            and secret in json.dumps(statement["Resource"])
        }
        assert readers == {f"{function}Role" for function in APIS}, secret


def test_the_user_pool_s_client_is_asked_for_codes_and_leads_back_to_the_api_s_own_address() -> None:
    (client,) = of_type("AWS::Cognito::UserPoolClient").values()
    here = "https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["CallbackURLs"] == [{"Fn::Sub": f"{here}/sign-in/callback"}]
    assert client["LogoutURLs"] == [{"Fn::Sub": f"{here}/signed-out"}]


def test_nobody_makes_an_account_in_the_user_pool_for_themselves() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool").values()
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


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
    return re.sub(r"<(\w+)>", r"{\1}", path).replace(".+", "{path+}")


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
