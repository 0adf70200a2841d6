"""Network and database: who reaches what, what is encrypted, and that the connections suffice."""

import itertools
import re
from typing import Any

import pytest

from tests.sam import template
from tests.sam.parameters import refusals
from tests.sam.template import ROOT, of_type

RESOURCES = template.written()["Resources"]
PARAMETERS = template.written()["Parameters"]
NETWORK = [name for name, item in RESOURCES.items() if item["Type"].startswith("AWS::EC2::")]
(CLUSTER,) = of_type("AWS::RDS::DBCluster").values()
(INSTANCE,) = of_type("AWS::RDS::DBInstance").values()

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


def test_a_network_of_one_s_own_makes_none_here() -> None:
    conditional = {name: RESOURCES[name].get("Condition") for name in NETWORK}
    assert {name for name, condition in conditional.items() if condition is None} == set()
    database = {"DatabaseSecurityGroup", "FunctionsIntoDatabase"}
    assert {name for name, condition in conditional.items() if condition == "MakesDatabase"} == database


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


def test_the_subnets_do_not_overlap_and_the_private_ones_lie_in_two_zones() -> None:
    subnets = of_type("AWS::EC2::Subnet")
    assert sorted(item["CidrBlock"]["Fn::Select"][0] for item in subnets.values()) == [0, 1, 2, 3]
    zones = {
        subnets[name]["AvailabilityZone"]["Fn::Select"][0] for name in ("PrivateSubnetA", "PrivateSubnetB")
    }
    assert zones == {0, 1}


def test_the_functions_take_no_connections_and_make_only_the_ones_they_need() -> None:
    group = of_type("AWS::EC2::SecurityGroup")["FunctionsSecurityGroup"]
    assert "SecurityGroupIngress" not in group
    assert {rule["FromPort"] for rule in group["SecurityGroupEgress"]} == {443, 465, 587, 2587}
    assert all(rule["FromPort"] == rule["ToPort"] for rule in group["SecurityGroupEgress"])


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
    assert PARAMETERS["DatabaseDeletionProtection"]["Default"] == "true"
    assert CLUSTER["BackupRetentionPeriod"] >= 7


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
    assert PARAMETERS["DatabaseEngineVersion"]["AllowedPattern"].startswith(f"^{major}\\.")
    assert PARAMETERS["DatabaseEngineVersion"]["Default"].startswith(f"{major}.")


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
