"""Network and database: who reaches what, what is encrypted, and that the connections suffice."""

import itertools
import re
from ipaddress import ip_network
from typing import Any

import pytest

from slowmatch.mail.config import transport_from
from slowmatch.mail.smtp import Smtp
from slowmatch.settings import Settings
from tests.sam import template
from tests.sam.evaluated import REGION, Stack
from tests.sam.parameters import refusals
from tests.sam.template import ROOT, of_type

RESOURCES = template.written()["Resources"]
PARAMETERS = template.written()["Parameters"]
(CLUSTER,) = of_type("AWS::RDS::DBCluster").values()
(INSTANCE,) = of_type("AWS::RDS::DBInstance").values()

ANYWHERE = "0.0.0.0/0"
SERVER = {
    "DatabaseHost": "db.example.com",
    "DatabaseSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
}
OWN_NETWORK = {"SubnetIds": "subnet-0a,subnet-0b", "SecurityGroupIds": "sg-0a"}

# Aurora user guide, "Maximum connections for Aurora Serverless v2": by DatabaseMaxCapacity, for PostgreSQL.
# A capacity of 2 is not in that table, so it counts as 1.
MAX_CONNECTIONS = {1: 189, 2: 189, 4: 823, 8: 1669}
# A minimum of 0 or 0.5 capacity units holds them at 2,000, so more capacity does not count for more than 8.
MOST = 2000
# One dispatcher and one that overlaps it, the migrations, invocations by hand, psql, RDS itself.
OTHERS = 2 + 1 + 30


# functions


@pytest.mark.parametrize("function", sorted(template.functions()))
def test_every_function_is_in_the_private_subnets(function: str) -> None:
    config = template.transformed()["Resources"][function]["Properties"]["VpcConfig"]
    subnets, groups = config["SubnetIds"]["Fn::If"], config["SecurityGroupIds"]["Fn::If"]
    assert subnets[:2] == ["MakesNetwork", [{"Ref": "PrivateSubnetA"}, {"Ref": "PrivateSubnetB"}]]
    assert groups[:2] == ["MakesNetwork", [{"Ref": "FunctionsSecurityGroup"}]]
    assert subnets[2] == {"Fn::Split": [",", {"Ref": "SubnetIds"}]}
    assert groups[2] == {"Fn::Split": [",", {"Ref": "SecurityGroupIds"}]}


@pytest.mark.parametrize(
    ("parameters", "made"),
    [
        (OWN_NETWORK | SERVER, set()),
        (OWN_NETWORK | {"VpcId": "vpc-0a"}, {"DatabaseSecurityGroup", "FunctionsIntoDatabase"}),
    ],
)
def test_a_network_of_one_s_own_makes_none_here(parameters: dict[str, str], made: set[str]) -> None:
    resources = Stack(**parameters).resources
    assert {name for name, item in resources.items() if item["Type"].startswith("AWS::EC2::")} == made


def test_the_private_subnets_reach_out_and_are_not_reached() -> None:
    routes = of_type("AWS::EC2::Route")
    assert routes["PrivateWayOut"]["NatGatewayId"] == {"Ref": "NatGateway"}
    assert "GatewayId" not in routes["PrivateWayOut"]
    associations = of_type("AWS::EC2::SubnetRouteTableAssociation").values()
    tables = {item["SubnetId"]["Ref"]: item["RouteTableId"]["Ref"] for item in associations}
    assert tables == {
        "PrivateSubnetA": "PrivateRoutes",
        "PrivateSubnetB": "PrivateRoutes",
        "PublicSubnetA": "PublicRoutes",
        "PublicSubnetB": "PublicRoutes",
    }


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
def test_the_subnets_lie_in_the_region_s_first_two_zones_or_in_those_given(
    parameters: dict[str, str], zones: set[str]
) -> None:
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


def test_the_functions_take_no_connections() -> None:
    assert "SecurityGroupIngress" not in of_type("AWS::EC2::SecurityGroup")["FunctionsSecurityGroup"]


def test_the_functions_reach_https_and_the_database_and_nothing_else() -> None:
    assert set(egress(Stack())) == {(443, ANYWHERE), (5432, "DatabaseSecurityGroup")}
    assert set(egress(Stack(**SERVER, DatabasePort="6432"))) == {(443, ANYWHERE), (6432, ANYWHERE)}


@pytest.mark.parametrize(
    "database", [{}, SERVER, {"DatabasePort": "2587"}, SERVER | {"DatabasePort": "2587"}]
)
@pytest.mark.parametrize("port", ["", "443", "465", "587", "2525", "2587"])
@pytest.mark.parametrize("security", PARAMETERS["SmtpSecurity"]["AllowedValues"])
@pytest.mark.parametrize("preset", PARAMETERS["SmtpPreset"]["AllowedValues"])
def test_with_smtp_the_functions_reach_the_port_that_their_code_takes(
    database: dict[str, str], port: str, security: str, preset: str
) -> None:
    smtp = {
        "MailTransport": "smtp",
        "SmtpHost": "mail.example.com",
        "SmtpSecretArn": SERVER["DatabaseSecretArn"],
    }
    stack = Stack(**database, **smtp, SmtpPort=port, SmtpSecurity=security, SmtpPreset=preset)
    variables = stack.resources["DailySummaryFunction"]["Properties"]["Environment"]["Variables"]
    settings = Settings.from_env({name: str(value) for name, value in variables.items()})
    transport = transport_from(settings, lambda *_: {"username": "u", "password": "p"})
    assert isinstance(transport, Smtp)
    without = {key: value for key, value in stack.parameters.items() if key != "MailTransport"}
    assert set(egress(stack)) == {*egress(Stack(**without)), (transport.port, ANYWHERE)}
    assert len(egress(stack)) == len(set(egress(stack))), "EC2 refuses a rule that is there already"


def test_a_network_of_one_s_own_keeps_its_own_rules() -> None:
    stack = Stack(**OWN_NETWORK, VpcId="vpc-0a", MailTransport="smtp", SmtpHost="mail.example.com")
    assert stack.of_type("AWS::EC2::SecurityGroupEgress") == {}


# database


def test_the_functions_security_group_alone_reaches_the_database() -> None:
    (rule,) = of_type("AWS::EC2::SecurityGroupIngress").values()
    assert rule["GroupId"] == {"Ref": "DatabaseSecurityGroup"}
    made, given = rule["SourceSecurityGroupId"]["Fn::If"][1:]
    assert made == {"Ref": "FunctionsSecurityGroup"}
    assert given == {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "SecurityGroupIds"}]}]}
    assert "SecurityGroupIngress" not in of_type("AWS::EC2::SecurityGroup")["DatabaseSecurityGroup"]
    assert CLUSTER["VpcSecurityGroupIds"] == [{"Ref": "DatabaseSecurityGroup"}]
    assert INSTANCE["PubliclyAccessible"] is False


def test_the_database_is_encrypted_at_rest_and_on_the_way() -> None:
    assert CLUSTER["StorageEncrypted"] is True
    (group,) = of_type("AWS::RDS::DBClusterParameterGroup").values()
    assert group["Parameters"]["rds.force_ssl"] == "1"
    assert PARAMETERS["DatabaseTls"]["Default"] == "verify-full"


def test_rds_keeps_the_password_and_nobody_gives_it() -> None:
    assert CLUSTER["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in CLUSTER
    assert not [name for name in PARAMETERS if "Password" in name]


def test_the_data_outlive_the_stack() -> None:
    cluster = RESOURCES["Database"]
    assert (cluster["DeletionPolicy"], cluster["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert CLUSTER["BackupRetentionPeriod"] >= 7


def test_a_failed_first_deployment_can_delete_what_it_made() -> None:
    assert Stack().resources["Database"]["Properties"]["DeletionProtection"] == "false"
    assert (
        Stack(DatabaseDeletionProtection="true").resources["Database"]["Properties"]["DeletionProtection"]
        == "true"
    )
    assert [name for name, item in RESOURCES.items() if "Retain" in item.get("DeletionPolicy", "")] == []


def test_the_database_may_have_no_capacity_at_all() -> None:
    assert 0 in PARAMETERS["DatabaseMinCapacity"]["AllowedValues"]
    assert CLUSTER["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": {"Ref": "DatabaseMinCapacity"},
        "MaxCapacity": {"Ref": "DatabaseMaxCapacity"},
    }


def test_its_logs_go_where_they_are_forgotten() -> None:
    (log,) = CLUSTER["EnableCloudwatchLogsExports"]
    group = of_type("AWS::Logs::LogGroup")["DatabaseLogs"]
    assert CLUSTER["DBClusterIdentifier"] == {"Ref": "AWS::StackName"}
    assert group["LogGroupName"] == {"Fn::Sub": f"/aws/rds/cluster/${{AWS::StackName}}/{log}"}
    assert RESOURCES["Database"]["DependsOn"] == "DatabaseLogs"


def test_the_parameter_group_is_of_the_engine_s_major_version() -> None:
    (group,) = of_type("AWS::RDS::DBClusterParameterGroup").values()
    major = group["Family"].removeprefix("aurora-postgresql")
    assert PARAMETERS["DatabaseEngineVersion"]["Default"] == major
    assert refusals(DatabaseEngineVersion=f"{major}.7") == []
    assert refusals(DatabaseEngineVersion=str(int(major) + 1)) == ["DatabaseEngineVersion"]


@pytest.mark.parametrize(("version", "upgrades"), [("17", True), ("17.7", False)])
def test_a_pinned_minor_version_stays(version: str, upgrades: bool) -> None:
    resources = Stack(DatabaseEngineVersion=version).resources
    assert resources["Database"]["Properties"]["EngineVersion"] == version
    assert resources["DatabaseWriter"]["Properties"]["AutoMinorVersionUpgrade"] is upgrades


def test_the_functions_look_where_the_certificates_of_amazon_rds_are_put() -> None:
    variable = template.variables()["DB_CA_FILE"]["Fn::If"]
    assert variable == ["TrustsAmazonRds", "/opt/python/rds-ca.pem", {"Ref": "DatabaseCaFile"}]


# connections


def connections(api_concurrency: int) -> int:
    """The most there can be at a time: one for each execution environment."""
    functions = template.transformed()["Resources"]
    polled = [event for name in template.functions() for event in template.events(name, "SQS")]
    jobs: int = sum(event["ScalingConfig"]["MaximumConcurrency"] for event in polled)
    reserved = [
        functions[name]["Properties"].get("ReservedConcurrentExecutions") for name in template.functions()
    ]
    limits = [limit["Fn::If"][1] for limit in reserved if limit is not None]
    # The notifier's queue shares in what is reserved for the notifier.
    (notifier,) = template.events("NotifierFunction", "SQS")
    jobs -= notifier["ScalingConfig"]["MaximumConcurrency"]
    return jobs + sum(api_concurrency if _is_parameter(limit) else int(limit) for limit in limits) + OTHERS


def _is_parameter(limit: Any) -> bool:
    return bool(limit == {"Ref": "ApiConcurrency"})


def test_every_function_behind_the_api_has_a_limit() -> None:
    functions = template.functions()
    for name in template.api_functions():
        assert functions[name]["ReservedConcurrentExecutions"]["Fn::If"][1] == {"Ref": "ApiConcurrency"}


def test_the_limits_stay_below_the_connections_of_the_smallest_capacity() -> None:
    smallest = min(PARAMETERS["DatabaseMaxCapacity"]["AllowedValues"])
    assert connections(PARAMETERS["ApiConcurrency"]["Default"]) < MAX_CONNECTIONS[smallest]


def test_a_concurrency_with_too_few_connections_is_refused() -> None:
    capacities = PARAMETERS["DatabaseMaxCapacity"]["AllowedValues"]
    for capacity, limit in itertools.product(capacities, PARAMETERS["ApiConcurrency"]["AllowedValues"]):
        enough = connections(limit) < min(MAX_CONNECTIONS[min(capacity, 8)], MOST)
        reasons = refusals(DatabaseMaxCapacity=str(capacity), ApiConcurrency=str(limit))
        assert bool(reasons) != enough, (capacity, limit)


def test_the_arithmetic_stands_where_the_limits_are() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    comment = text[text.index("# One connection for each execution environment") :]
    said = re.search(r"#\s+(\d+)  of (\d+)\n", comment)
    assert said is not None
    assert int(said[1]) == connections(PARAMETERS["ApiConcurrency"]["Default"])
    assert int(said[2]) == MAX_CONNECTIONS[1]
    rows = re.findall(r"^\s+#   \S.*?\s{2,}(\d+)(?:  \(|\n)", comment[: said.start()], re.MULTILINE)
    assert sum(map(int, rows)) == int(said[1])
