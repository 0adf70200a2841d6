"""Network and database: who reaches what, what is encrypted, and that the connections suffice."""

import itertools
import re
from ipaddress import ip_network

import pytest

from slowmatch.aws import secrets
from slowmatch.mail.smtp import Smtp
from slowmatch.mail.transport import transport_from
from slowmatch.settings import Settings
from tests.sam import aws_limits, template
from tests.sam.evaluated import REGION, Stack
from tests.sam.parameters import DATABASE, NETWORK, SMTP, VPC, refusals
from tests.sam.template import ROOT, of_type

RESOURCES = template.all_resources()
PARAMETERS = template.written()["Parameters"]
(CLUSTER,) = of_type("AWS::RDS::DBCluster").values()
(INSTANCE,) = of_type("AWS::RDS::DBInstance").values()

ANYWHERE = "0.0.0.0/0"

# The migrations, invocations by hand, psql, RDS itself.
OTHERS = 1 + 29


# functions


@pytest.mark.parametrize(
    ("parameters", "subnets", "groups"),
    [
        ({}, ["PrivateSubnetA", "PrivateSubnetB"], ["FunctionsSecurityGroup"]),
        (NETWORK | DATABASE, NETWORK["SubnetIds"].split(","), [NETWORK["SecurityGroupIds"]]),
    ],
)
def test_every_function_is_in_the_private_subnets(
    parameters: dict[str, str], subnets: list[str], groups: list[str]
) -> None:
    for name, function in Stack(**parameters).of_type("AWS::Lambda::Function").items():
        assert function["VpcConfig"] == {"SubnetIds": subnets, "SecurityGroupIds": groups}, name


@pytest.mark.parametrize(
    ("parameters", "made"),
    [
        (NETWORK | DATABASE, set()),
        (NETWORK | VPC | SMTP, {"DatabaseSecurityGroup", "FunctionsIntoDatabase"}),
    ],
)
def test_a_network_of_one_s_own_makes_none_here(parameters: dict[str, str], made: set[str]) -> None:
    resources = Stack(**parameters).resources
    assert {name for name, item in resources.items() if item["Type"].startswith("AWS::EC2::")} == made


def test_the_private_subnets_reach_out_and_are_not_reached() -> None:
    way_out = of_type("AWS::EC2::Route")["PrivateWayOut"]
    assert way_out["NatGatewayId"] == {"Ref": "NatGateway"} and "GatewayId" not in way_out
    associations = of_type("AWS::EC2::SubnetRouteTableAssociation").values()
    for item in associations:
        subnet, table = item["SubnetId"]["Ref"], item["RouteTableId"]["Ref"]
        assert subnet.startswith(table.removesuffix("Routes")), subnet
    assert len(associations) == 4


def test_the_subnets_do_not_overlap() -> None:
    networks = [ip_network(item["CidrBlock"]) for item in Stack().of_type("AWS::EC2::Subnet").values()]
    assert len(networks) == 4
    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))


@pytest.mark.parametrize(
    ("parameters", "zones"),
    [
        ({}, {f"{REGION}a", f"{REGION}b"}),
        ({"AvailabilityZones": "eu-west-1c,eu-west-1a"}, {"eu-west-1a", "eu-west-1c"}),
    ],
)
def test_the_subnets_lie_in_two_zones(parameters: dict[str, str], zones: set[str]) -> None:
    subnets = Stack(**parameters).of_type("AWS::EC2::Subnet")
    for kind in ("Private", "Public"):
        assert {item["AvailabilityZone"] for name, item in subnets.items() if kind in name} == zones


# what the functions reach


def egress(stack: Stack) -> list[tuple[int, str]]:
    """Port and destination of each rule of the functions' security group."""
    inline = stack.of_type("AWS::EC2::SecurityGroup")["FunctionsSecurityGroup"]["SecurityGroupEgress"]
    apart = stack.of_type("AWS::EC2::SecurityGroupEgress").values()
    rules = [*inline, *(rule for rule in apart if rule["GroupId"] == "FunctionsSecurityGroup")]
    assert all(str(rule["FromPort"]) == str(rule["ToPort"]) for rule in rules)
    return [
        (int(rule["FromPort"]), rule.get("CidrIp") or rule["DestinationSecurityGroupId"]) for rule in rules
    ]


def test_the_functions_reach_https_and_the_database_and_nothing_else() -> None:
    assert "SecurityGroupIngress" not in of_type("AWS::EC2::SecurityGroup")["FunctionsSecurityGroup"]
    assert set(egress(Stack())) == {(443, ANYWHERE), (5432, "DatabaseSecurityGroup")}
    assert set(egress(Stack(**DATABASE, DatabasePort="6432"))) == {(443, ANYWHERE), (6432, ANYWHERE)}


@pytest.mark.parametrize("database", [{}, DATABASE | {"DatabasePort": "2587"}])
@pytest.mark.parametrize("port", ["", "443", "465", "587", "2525", "2587"])
@pytest.mark.parametrize("security", PARAMETERS["SmtpSecurity"]["AllowedValues"])
@pytest.mark.parametrize("preset", ["", "zoho"])
def test_with_smtp_the_functions_reach_the_port_that_their_code_takes(
    database: dict[str, str], port: str, security: str, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(**database, **SMTP, SmtpPort=port, SmtpSecurity=security, SmtpPreset=preset)
    variables = stack.resources["DailySummaryFunction"]["Properties"]["Environment"]["Variables"]
    settings = Settings.from_env({name: str(value) for name, value in variables.items()})
    monkeypatch.setattr(secrets, "read", lambda *_: {"username": "u", "password": "p"})
    transport = transport_from(settings)
    assert isinstance(transport, Smtp)
    without = {key: value for key, value in stack.parameters.items() if key != "MailTransport"}
    assert set(egress(stack)) == {*egress(Stack(**without)), (transport.port, ANYWHERE)}
    assert len(egress(stack)) == len(set(egress(stack))), "EC2 refuses a rule that is there already"


# database


@pytest.mark.parametrize(
    ("parameters", "group"),
    [
        ({}, "FunctionsSecurityGroup"),
        (NETWORK | VPC | {"SecurityGroupIds": "sg-0a,sg-0b"}, "sg-0a"),
    ],
)
def test_the_functions_security_group_alone_reaches_the_database(
    parameters: dict[str, str], group: str
) -> None:
    stack = Stack(**parameters)
    (rule,) = stack.of_type("AWS::EC2::SecurityGroupIngress").values()
    assert (rule["GroupId"], rule["SourceSecurityGroupId"]) == ("DatabaseSecurityGroup", group)
    assert "SecurityGroupIngress" not in stack.of_type("AWS::EC2::SecurityGroup")["DatabaseSecurityGroup"]
    assert CLUSTER["VpcSecurityGroupIds"] == [{"Ref": "DatabaseSecurityGroup"}]
    assert INSTANCE["PubliclyAccessible"] is False


def test_the_database_takes_encrypted_connections_only() -> None:
    (group,) = of_type("AWS::RDS::DBClusterParameterGroup").values()
    assert group["Parameters"]["rds.force_ssl"] == "1"
    assert PARAMETERS["DatabaseTls"]["Default"] == "verify-full"


def test_rds_keeps_the_password_and_nobody_gives_it() -> None:
    assert CLUSTER["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in CLUSTER


def test_the_data_outlive_the_stack() -> None:
    cluster = RESOURCES["Database"]
    assert (cluster["DeletionPolicy"], cluster["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert CLUSTER["BackupRetentionPeriod"] >= 7


def test_a_failed_first_deployment_can_delete_what_it_made() -> None:
    (cluster,) = Stack().of_type("AWS::RDS::DBCluster").values()
    assert cluster["DeletionProtection"] == "false"
    assert [name for name, item in RESOURCES.items() if "Retain" in item.get("DeletionPolicy", "")] == []


def test_its_logs_go_where_they_are_forgotten() -> None:
    stack = Stack("some-stack")
    (cluster,) = stack.of_type("AWS::RDS::DBCluster").values()
    (log,) = cluster["EnableCloudwatchLogsExports"]
    group = stack.of_type("AWS::Logs::LogGroup")["DatabaseLogs"]
    assert cluster["DBClusterIdentifier"] == "some-stack"
    assert group["LogGroupName"] == f"/aws/rds/cluster/some-stack/{log}"
    assert RESOURCES["Database"]["DependsOn"] == "DatabaseLogs"


def test_the_parameter_group_is_of_the_engine_s_major_version() -> None:
    (group,) = of_type("AWS::RDS::DBClusterParameterGroup").values()
    major = group["Family"].removeprefix("aurora-postgresql")
    assert PARAMETERS["DatabaseEngineVersion"]["Default"] == major
    assert refusals(DatabaseEngineVersion=str(int(major) + 1)) == ["DatabaseEngineVersion"]


@pytest.mark.parametrize(("version", "upgrades"), [("17", True), ("17.7", False)])
def test_a_pinned_minor_version_stays(version: str, upgrades: bool) -> None:
    resources = Stack(DatabaseEngineVersion=version).resources
    assert resources["Database"]["Properties"]["EngineVersion"] == version
    assert resources["DatabaseWriter"]["Properties"]["AutoMinorVersionUpgrade"] is upgrades


# connections


PAIRS = [
    (int(capacity), int(limit))
    for capacity in PARAMETERS["DatabaseMaxCapacity"]["AllowedValues"]
    for limit in PARAMETERS["ApiConcurrency"]["AllowedValues"]
]
ROOM_FOR_JOBS = 24
"""A pair is refused when it has no connections for so many jobs, so that a new job needs no other rule."""


def connections(api_concurrency: int) -> tuple[int, int]:
    """The most there can be at a time, one for each execution environment: without the jobs', and the jobs'."""
    stack = Stack(ApiConcurrency=str(api_concurrency))
    functions = stack.of_type("AWS::Lambda::Function")
    reserved = sum(int(each.get("ReservedConcurrentExecutions", 0)) for each in functions.values())
    mappings = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    jobs = sum(
        int(mapping["ScalingConfig"]["MaximumConcurrency"])
        for mapping in mappings
        if mapping["FunctionName"] in template.job_functions()
    )
    return reserved + OTHERS, jobs


def test_the_concurrency_of_functions_is_limited() -> None:
    stack = Stack()
    mappings = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    limited = {each["FunctionName"] for each in mappings if "MaximumConcurrency" in each["ScalingConfig"]}
    functions = stack.of_type("AWS::Lambda::Function")
    limited |= {name for name, each in functions.items() if "ReservedConcurrentExecutions" in each}
    assert functions.keys() - limited == {"MigrateFunction"}


@pytest.mark.parametrize(("capacity", "limit"), PAIRS)
def test_an_accepted_concurrency_has_its_connections(capacity: int, limit: int) -> None:
    (others, jobs), available = connections(limit), aws_limits.max_connections(capacity)
    if refusals(DatabaseMaxCapacity=str(capacity), ApiConcurrency=str(limit)):
        assert others + 2 * ROOM_FOR_JOBS >= available, "the pair is refused, and would have its connections"
        return
    assert others + jobs < available, (
        f"DatabaseMaxCapacity={capacity} has {available} connections; with ApiConcurrency={limit} there can be"
        f" {others}, and {jobs} of the jobs: refuse the pair in the rule ConnectionsAreEnough of template.yaml"
        " (a default has to stay possible), or lower Concurrency in a row of the mapping Job"
    )


def test_the_default_concurrency_has_connections_for_twenty_more_jobs() -> None:
    others, _ = connections(int(PARAMETERS["ApiConcurrency"]["Default"]))
    assert others + 2 * ROOM_FOR_JOBS < aws_limits.max_connections(1)


@pytest.mark.parametrize("capacity", PARAMETERS["DatabaseMaxCapacity"]["AllowedValues"])
def test_the_page_on_growth_says_what_a_capacity_allows(capacity: str) -> None:
    limits = PARAMETERS["ApiConcurrency"]["AllowedValues"]
    accepted = [
        each for each in limits if not refusals(DatabaseMaxCapacity=capacity, ApiConcurrency=str(each))
    ]
    page = (ROOT / "docs" / "growth.md").read_text(encoding="utf-8")
    row = capacity if int(capacity) < 16 else "16 and more"
    (said,) = re.findall(rf"^\| {row} \| .* \| (\d+) \|$", page, re.MULTILINE)
    assert int(said) == max(accepted)
