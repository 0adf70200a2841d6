"""The functions, the routes and the whole of template.yaml and its nested stacks.

Jobs are in test_template_jobs.py.
"""

import importlib
import json
import re
from graphlib import TopologicalSorter
from typing import Any

import pytest

from slowmatch.http.auth.roles import Role
from slowmatch.notifications.delivery import LEASE
from slowmatch.notifications.sender import TIMEOUT_SECONDS
from tests.sam import routes, template
from tests.sam.evaluated import Stack
from tests.sam.permissions import as_list
from tests.sam.template import ROOT, Route, of_type

STACK = Stack()
FUNCTIONS = sorted(template.functions())
APIS = sorted(template.api_functions())
OF_CODE = routes.all_of_code()


# functions


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_handler_can_be_called(function: str) -> None:
    module, name = template.functions()[function]["Handler"].rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), name))


def test_every_function_folder_is_in_the_template() -> None:
    folders = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
    missing = sorted(folders - {template.folder(function) for function in FUNCTIONS})
    assert missing == [], "add a function to template.yaml, or for a job its row and its name in the loop"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_a_log_group_of_its_own(function: str) -> None:
    group = template.functions()[function]["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == function.removesuffix("Function") + "Logs"
    assert group in of_type("AWS::Logs::LogGroup")


# HTTP


@pytest.mark.parametrize(("folder", "route"), OF_CODE, ids=lambda value: str(value))
def test_a_request_is_led_to_the_function_that_answers_it(folder: str, route: Route) -> None:
    match = routes.leading(route.method, routes.example(route))
    led_to = match.function.label if match else "no function"
    assert led_to == folder, (
        f"template.yaml leads {route} to {led_to}: add a path of HttpApi to the Events of functions/{folder}"
    )


def test_no_route_leads_to_two_functions() -> None:
    found = [route for function in APIS for route in template.routes(function)]
    assert len(found) == len(set(found))


def test_each_route_of_the_sign_in_has_its_limit() -> None:
    api = template.written()["Resources"]["HttpApi"]["Properties"]
    sign_in = {str(route) for _, route in OF_CODE if route.path.startswith("/sign-in")}
    assert sign_in
    assert sign_in <= {str(route) for function in APIS for route in template.routes(function)}
    assert api["RouteSettings"].keys() == sign_in
    (stage,) = STACK.of_type("AWS::ApiGatewayV2::Stage").values()
    for limits in stage["RouteSettings"].values():
        assert all(int(limits[name]) < int(most) for name, most in stage["DefaultRouteSettings"].items())


def test_only_functions_behind_the_api_have_the_sign_in_layer() -> None:
    sign_in = {"Ref": "SignInLayer"}
    own = {name: function.get("Layers", []) for name, function in template.functions().items()}
    assert {name for name, layers in own.items() if sign_in in layers} == set(APIS)


@pytest.mark.parametrize(
    ("parameters", "more"),
    [({}, []), ({"ConsoleUrl": "https://jobs.example.com"}, ["https://jobs.example.com"])],
)
def test_sign_in_and_messages_lead_to_the_console(parameters: dict[str, str], more: list[str]) -> None:
    stack = Stack(**parameters)
    (client,) = stack.of_type("AWS::Cognito::UserPoolClient").values()
    consoles = [stack.outputs["ApiUrl"]["Value"], *more]
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["CallbackURLs"] == [f"{console}/sign-in/callback" for console in consoles]
    assert client["LogoutURLs"] == [f"{console}/signed-out" for console in consoles]
    variables = [item["Environment"]["Variables"] for item in stack.of_type("AWS::Lambda::Function").values()]
    assert {each["CONSOLE_URL"] for each in variables if each.get("CONSOLE_URL")} == {consoles[-1]}


def test_only_admins_create_users_and_one_for_each_address() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool").values()
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}


def test_each_role_has_a_group_in_the_user_pool() -> None:
    groups = [group["GroupName"]["Ref"] for group in of_type("AWS::Cognito::UserPoolGroup").values()]
    assert sorted(groups) == sorted(f"{role.name.title()}Group" for role in Role)


def test_requests_are_throttled_and_logged() -> None:
    (stage,) = STACK.of_type("AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"].keys() == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    line = re.sub(r"\$[A-Za-z.]+", "1", stage["AccessLogSettings"]["Format"])
    assert "requestId" in json.loads(line)


def test_an_api_function_ends_before_the_gateway_s_thirty_seconds() -> None:
    assert all(template.timeout(function) < 30 for function in APIS)


def test_a_notification_is_sent_long_before_its_function_and_its_claim_end() -> None:
    assert 2 * TIMEOUT_SECONDS < template.timeout("NotifierFunction") < LEASE.total_seconds()


# the whole


# Under another logical id, CloudFormation makes another resource and removes the old one with its data.
@pytest.mark.parametrize(
    "logical_id",
    [
        *("DatabaseStack", "Database", "DatabaseWriter", "DatabaseSubnets", "DatabaseParameters"),
        *("SignInStack", "UserPool", "UserPoolDomain", "UserPoolClient", "SignInSecret", "SessionSecret"),
        *("NotifyQueue", "NotifyDeadLetters", "NotifyTopic", "NotifyKey", "NetworkStack"),
        *(f"{job}{part}" for job in template.loop("Jobs")[0] for part in ("Queue", "DeadLetters")),
    ],
)
def test_what_holds_data_keeps_its_logical_id(logical_id: str) -> None:
    assert logical_id in template.all_resources()


def test_logical_ids_differ_between_all_stacks() -> None:
    found = [*template.written()["Resources"]]
    found += [name for document in template.nested().values() for name in document["Resources"]]
    assert sorted(found) == sorted(set(found))


def test_the_stack_can_be_made_in_some_order() -> None:
    """No resource needs itself by way of others: the sign-in is where that is easily made."""
    resources = template.transformed()["Resources"]
    needs = {
        name: {needed for needed in _named(resource) if needed in resources} - {name}
        for name, resource in resources.items()
    }
    assert set(TopologicalSorter(needs).static_order()) == set(resources)
    assert {"HttpApi", "SignInStack"} <= needs["UserPoolClient"]


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
    found |= set(as_list(value["DependsOn"])) if isinstance(value.get("DependsOn"), str | list) else set()
    return found | {name for item in value.values() for name in _named(item)}


NAME = re.compile(r"(Queue|Topic|Alarm|Dashboard|LogGroup|UserPool|Function)?Name|DBClusterIdentifier|Domain")


def names(stack: Stack) -> dict[tuple[str, str], str]:
    """What the stack's resources are called in the account, by kind and logical id."""
    return {
        (item["Type"], logical_id): str(value)
        for logical_id, item in stack.resources.items()
        for key, value in item["Properties"].items()
        if NAME.fullmatch(key) and value not in stack.resources
    }


def test_two_stages_in_one_account_do_not_meet() -> None:
    first, second = names(Stack("first")), names(Stack("second"))
    same = {where for where, name in first.items() if second[where] == name}
    assert same == {("AWS::EC2::EIP", "NatAddress")}  # "vpc", which is no name
    assert len(first) > 20


def test_two_resources_of_a_kind_have_different_names() -> None:
    taken: dict[tuple[str, str], str] = {}
    for (kind, logical_id), name in names(STACK).items():
        other = taken.setdefault((kind, name), logical_id)
        assert other == logical_id, f"{logical_id} and {other}: {name}"


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
