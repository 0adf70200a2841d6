"""What there is in the account: compared before and after, it shows what a deleted stack left behind."""

from typing import Any, NamedTuple

from tools.rehearse.ministack import Account

SAM_BUCKET_STACK = "aws-sam-cli-managed-default"
"""The SAM CLI creates it once for its uploads; it does not belong to the stack."""


class Listing(NamedTuple):
    """An AWS call that lists resources; `name` is the member with the resource's id, "" for plain strings."""

    service: str
    operation: str
    member: str
    name: str
    options: dict[str, Any] = {}  # noqa: RUF012 - constant


LISTINGS = (
    Listing("apigatewayv2", "get_apis", "Items", "ApiId"),
    Listing("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    Listing("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    Listing("cognito-idp", "list_user_pools", "UserPools", "Id", options={"MaxResults": 60}),
    Listing("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    Listing("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    Listing("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    Listing("ec2", "describe_subnets", "Subnets", "SubnetId"),
    Listing("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    Listing("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    Listing("events", "list_rules", "Rules", "Name"),
    Listing("iam", "list_policies", "Policies", "Arn", options={"Scope": "Local"}),
    Listing("iam", "list_roles", "Roles", "RoleName"),
    Listing("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    Listing("lambda", "list_functions", "Functions", "FunctionName"),
    Listing("lambda", "list_layers", "Layers", "LayerName"),
    Listing("logs", "describe_log_groups", "logGroups", "logGroupName"),
    Listing(
        "rds",
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
    ),
    Listing("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    Listing("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    Listing("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    Listing("scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
    Listing("scheduler", "list_schedules", "Schedules", "Name"),
    Listing("secretsmanager", "list_secrets", "SecretList", "Name"),
    Listing("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    Listing("sns", "list_topics", "Topics", "TopicArn"),
    Listing("sqs", "list_queues", "QueueUrls", ""),
)


def existing(account: Account) -> set[str]:
    """Every resource of LISTINGS, the stacks, and the KMS keys that are not scheduled for deletion."""
    found = set()
    clients = {service: account.client(service) for service in {listing.service for listing in LISTINGS}}
    for listing in LISTINGS:
        client = clients[listing.service]
        answer = getattr(client, listing.operation)(**listing.options)
        for item in answer.get(listing.member) or []:
            found.add(f"{listing.service} {item[listing.name] if listing.name else item}")
    return found | _keys(account) | _stacks(account)


def _keys(account: Account) -> set[str]:
    """A deleted key exists for some more days, as in AWS."""
    kms = account.client("kms")
    described = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    return {f"kms {key['KeyId']}" for key in described if key["KeyState"] != "PendingDeletion"}


def _stacks(account: Account) -> set[str]:
    stacks = account.client("cloudformation").list_stacks()["StackSummaries"]
    return {
        f"cloudformation {stack['StackName']}"
        for stack in stacks
        if stack["StackStatus"] != "DELETE_COMPLETE" and stack["StackName"] != SAM_BUCKET_STACK
    }
