"""What AWS accepts as names and descriptions of resources. cfn-lint and moto know few of these limits.

Each has the page of AWS's reference that says so, below docs.aws.amazon.com. Where a page gives no pattern,
any printable text is taken.
"""

import re
from typing import NamedTuple

from tests.sam import template
from tools.deploy import stack_name

LONGEST_STACK_NAME = stack_name.length_limit(template.all_resources()).characters
"""CloudFormation takes 128 characters, but queues, rules and the database are named after the stack."""


class Limit(NamedTuple):
    longest: int
    pattern: str = r"[^\x00-\x1f\x7f]*"

    def problem(self, text: str) -> str | None:
        """What AWS would refuse `text` for, in words, or None."""
        if len(text) > self.longest:
            return f"{len(text)} characters, and AWS takes {self.longest}"
        return None if re.fullmatch(self.pattern, text) else f"AWS takes {self.pattern}"


# AWSEC2/latest/APIReference/API_CreateSecurityGroup.html, API_IpRange.html
_EC2_TEXT = Limit(255, r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*")
# IAM/latest/UserGuide/reference_policies_elements_sid.html
_SID = Limit(100, r"[A-Za-z0-9]*")
# AWSEC2/latest/UserGuide/Using_Tags.html, "Tag restrictions"; other services take at least as much
_TAG_KEY, _TAG_VALUE = Limit(128, r"[\w +\-=.:/@]*"), Limit(256, r"[\w +\-=.:/@]*")
# cognito-user-identity-pools/latest/APIReference/API_CreateUserPool.html, API_CreateUserPoolClient.html
_COGNITO_NAME = Limit(128, r"[\w\s+=,.@\-]+")
# AmazonRDS/latest/APIReference/API_CreateDBCluster.html
_CLUSTER = Limit(63, r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

# By the kind of a resource and the path of a property in it; lists have no place in a path.
LIMITS: dict[tuple[str, str], Limit] = {
    # apigatewayv2/latest/api-reference/apis.html
    ("AWS::ApiGatewayV2::Api", "Body.info.title"): Limit(128),
    ("AWS::ApiGatewayV2::Stage", "StageName"): Limit(128, r"\$default|[\w\-]+"),
    # AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, API_MetricDataQuery.html
    ("AWS::CloudWatch::Alarm", "AlarmName"): Limit(255),
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): Limit(1024),
    ("AWS::CloudWatch::Alarm", "Metrics.Id"): Limit(255, r"[a-z][A-Za-z0-9_]*"),
    # AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    ("AWS::CloudWatch::Dashboard", "DashboardName"): Limit(255, r"[A-Za-z0-9_\-]*"),
    ("AWS::Cognito::UserPool", "UserPoolName"): _COGNITO_NAME,
    ("AWS::Cognito::UserPoolClient", "ClientName"): _COGNITO_NAME,
    # cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolDomain.html, with the reserved words
    ("AWS::Cognito::UserPoolDomain", "Domain"): Limit(
        63, r"(?!.*(aws|amazon|cognito))[a-z0-9]([a-z0-9\-]*[a-z0-9])?"
    ),
    # cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
    ("AWS::Cognito::UserPoolGroup", "GroupName"): Limit(128, r"[^\s\x00-\x1f\x7f]+"),
    ("AWS::Cognito::UserPoolGroup", "Description"): Limit(2048),
    ("AWS::EC2::SecurityGroup", "GroupDescription"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroup", "SecurityGroupEgress.Description"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroup", "SecurityGroupIngress.Description"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroupEgress", "Description"): _EC2_TEXT,
    ("AWS::EC2::SecurityGroupIngress", "Description"): _EC2_TEXT,
    # eventbridge/latest/APIReference/API_PutRule.html, API_Target.html
    ("AWS::Events::Rule", "Name"): Limit(64, r"[.\-_A-Za-z0-9]+"),
    ("AWS::Events::Rule", "Description"): Limit(512),
    ("AWS::Events::Rule", "Targets.Id"): Limit(64, r"[.\-_A-Za-z0-9]+"),
    # IAM/latest/APIReference/API_CreatePolicy.html, API_PutRolePolicy.html
    ("AWS::IAM::ManagedPolicy", "Description"): Limit(1000),
    ("AWS::IAM::Policy", "PolicyName"): Limit(128, r"[\w+=,.@\-]+"),
    # IAM/latest/APIReference/API_CreateRole.html
    ("AWS::IAM::Role", "Description"): Limit(1000),
    ("AWS::IAM::Role", "Policies.PolicyName"): Limit(128, r"[\w+=,.@\-]+"),
    # kms/latest/APIReference/API_CreateKey.html
    ("AWS::KMS::Key", "Description"): Limit(8192),
    # lambda/latest/api/API_CreateFunction.html, API_PublishLayerVersion.html. CloudFormation makes the names of
    # functions out of those of the stack and the resource, and cuts them at 64.
    ("AWS::Lambda::Function", "Description"): Limit(256),
    ("AWS::Lambda::LayerVersion", "Description"): Limit(256),
    ("AWS::Lambda::LayerVersion", "LayerName"): Limit(140, r"[A-Za-z0-9\-_]+"),
    # AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
    ("AWS::Logs::LogGroup", "LogGroupName"): Limit(512, r"[.\-_/#A-Za-z0-9]+"),
    ("AWS::RDS::DBCluster", "DBClusterIdentifier"): _CLUSTER,
    ("AWS::RDS::DBCluster", "DatabaseName"): Limit(63, r"[A-Za-z_][A-Za-z0-9_]*"),
    # No length is documented for these two.
    ("AWS::RDS::DBClusterParameterGroup", "Description"): Limit(255),
    ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupDescription"): Limit(255),
    # sns/latest/api/API_CreateTopic.html
    ("AWS::SNS::Topic", "TopicName"): Limit(256, r"[A-Za-z0-9_\-]+"),
    # AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    ("AWS::SQS::Queue", "QueueName"): Limit(80, r"[A-Za-z0-9_\-]+"),
    # scheduler/latest/APIReference/API_CreateScheduleGroup.html
    ("AWS::Scheduler::ScheduleGroup", "Name"): Limit(64, r"[0-9a-zA-Z\-_.]+"),
    # secretsmanager/latest/apireference/API_CreateSecret.html; a name that ends like an ARN's suffix is not found
    ("AWS::SecretsManager::Secret", "Name"): Limit(512, r"(?!.*-[A-Za-z0-9]{6}$)[A-Za-z0-9/_+=.@\-]+"),
    ("AWS::SecretsManager::Secret", "Description"): Limit(2048),
}

# Properties that look like names and are those of something else.
NAMES_OF_OTHERS = {
    ("AWS::CloudWatch::Alarm", "Dimensions.Name"),
    ("AWS::CloudWatch::Alarm", "MetricName"),
    ("AWS::CloudWatch::Alarm", "Metrics.MetricStat.Metric.Dimensions.Name"),
    ("AWS::CloudWatch::Alarm", "Metrics.MetricStat.Metric.MetricName"),
    ("AWS::Cognito::UserPool", "AccountRecoverySetting.RecoveryMechanisms.Name"),
    ("AWS::Cognito::UserPoolUser", "UserAttributes.Name"),
    ("AWS::Cognito::UserPoolUserToGroupAttachment", "GroupName"),
    ("AWS::EC2::EIP", "Domain"),
    ("AWS::EC2::VPCEndpoint", "ServiceName"),
    ("AWS::Lambda::EventInvokeConfig", "FunctionName"),
    ("AWS::Lambda::EventSourceMapping", "FunctionName"),
    ("AWS::Lambda::Permission", "FunctionName"),
    ("AWS::RDS::DBCluster", "DBClusterParameterGroupName"),
    ("AWS::RDS::DBCluster", "DBSubnetGroupName"),
    ("AWS::RDS::DBInstance", "DBClusterIdentifier"),
}

# IAM/latest/UserGuide/reference_iam-quotas.html: characters without white space
ROLE_POLICIES_SIZE = 10_240
MANAGED_POLICY_SIZE = 6_144
MANAGED_POLICIES_PER_ROLE = 10
# AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
RESOURCES = 500
# lambda/latest/dg/gettingstarted-limits.html
ENVIRONMENT_BYTES = 4096


def max_connections(capacity: int) -> int:
    """Of Aurora Serverless v2 for PostgreSQL by its highest capacity, with a lowest of 0 or 0.5.

    AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html, "Maximum connections". The table has no
    capacity of 2, so it counts as 1. With such a lowest capacity there are never more than 2,000.
    """
    return {1: 189, 2: 189, 4: 823, 8: 1669}.get(capacity, 2000)


def limit(kind: str, path: str) -> Limit | None:
    """None for the name of something else. Raises KeyError for a name or description without a known limit."""
    everywhere = {"Tags.Key": _TAG_KEY, "Tags.Value": _TAG_VALUE}
    if path in everywhere:
        return everywhere[path]
    if path.endswith("Statement.Sid"):
        return _SID
    return None if (kind, path) in NAMES_OF_OTHERS else LIMITS[kind, path]
