"""What the account or the region would refuse, or support badly: found before the build, which takes minutes.

CloudFormation creates the functions after the database, so a missing quota would show after a quarter of an hour.
"""

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import StackError
from local.template.intrinsics import Resolver
from local.template.reader import FUNCTION
from tools.deploy.stage import Stage, template

UNRESERVED = 100
"""Lambda keeps as many concurrent executions of the account unreserved."""
ENGINE = "aurora-postgresql"
REGIONS_WITHOUT_QUEUE_TAGS = {
    "ap-south-2": "Hyderabad",
    "ap-southeast-4": "Melbourne",
    "eu-central-2": "Zurich",
    "eu-south-2": "Spain",
}
"""Where SQS does not decide by the tags of queues, as the policy RunSending needs it. Source: AWS's page
"Attribute-based access control for Amazon SQS"."""


def reservations(api_concurrency: int) -> list[int]:
    """The reserved concurrency of each function of the template that has one."""
    document = template()
    resolver = Resolver(document, {"ApiConcurrency": str(api_concurrency)}, lambda logical_id, _: logical_id)
    functions = [each for each in document["Resources"].values() if each["Type"] == FUNCTION]
    found = [resolver.member(each["Properties"], "ReservedConcurrentExecutions", 0) for each in functions]
    return [int(each) for each in found if each]


def check_quota(stage: Stage, api_concurrency: int, exists: bool) -> None:
    """Raise StackError if too little concurrency is left. If AWS cannot be asked, `sam deploy` will find out.

    `exists`: there is a stack already, whose functions keep what they have reserved.
    """
    wanted = reservations(api_concurrency)
    if not wanted:
        return
    try:
        unreserved = _unreserved(stage)
        own = _reserved_by_stack(stage) if exists else 0
    except (BotoCoreError, ClientError):
        return
    if unreserved - UNRESERVED + own < sum(wanted):
        raise StackError(
            f"ApiConcurrency={api_concurrency} reserves {' + '.join(map(str, wanted))} = {sum(wanted)}"
            f" concurrent executions, which is too many: the account has {unreserved} unreserved, of which"
            f" {UNRESERVED} must remain unreserved, and this stack has reserved {own}, so it can reserve at most"
            f" {max(0, unreserved - UNRESERVED + own)}. Lower ApiConcurrency in the {stage.where} (0 reserves"
            f" nothing), or request a higher quota under Service Quotas, Lambda, Concurrent executions"
        )


def _unreserved(stage: Stage) -> int:
    limit = stage.client("lambda").get_account_settings()["AccountLimit"]
    return int(limit["UnreservedConcurrentExecutions"])


def _reserved_by_stack(stage: Stage) -> int:
    pages = stage.client("cloudformation").get_paginator("list_stack_resources")
    resources = [
        each for page in pages.paginate(StackName=stage.stack_name) for each in page["StackResourceSummaries"]
    ]
    functions = [each for each in resources if each["ResourceType"] == "AWS::Lambda::Function"]
    concurrency = stage.client("lambda").get_function_concurrency
    return sum(
        concurrency(FunctionName=each["PhysicalResourceId"]).get("ReservedConcurrentExecutions", 0)
        for each in functions
        if each.get("PhysicalResourceId")
    )


def queue_tags_warning(stage: Stage) -> str | None:
    """What will not work in the stage's region, None if everything does."""
    region = stage.client("sqs").meta.region_name
    if region not in REGIONS_WITHOUT_QUEUE_TAGS:
        return None
    return (
        f"in {region} ({REGIONS_WITHOUT_QUEUE_TAGS[region]}), according to AWS's documentation, Amazon SQS does not"
        f" support access control by queue tags: the functions may not be able to send any run to its queue,"
        f" and then no job would run. Choose another region, or make sure that SQS now supports it there"
    )


def engine_version_warning(stage: Stage, version: str) -> str | None:
    """What is wrong with the version of Aurora PostgreSQL, None if nothing is or RDS cannot be asked."""
    try:
        statuses = _engine_statuses(stage, version)
    except (BotoCoreError, ClientError):
        return None
    major_only = "." not in version  # RDS chooses the minor version
    if "available" in statuses or (major_only and not statuses):
        return None
    wrong = "is deprecated by Amazon RDS" if statuses else "is not offered by Amazon RDS in this region"
    return (
        f"DatabaseEngineVersion={version} {wrong}: a new database cannot use it, and one that does is upgraded at a"
        f" time that AWS chooses. `aws rds describe-db-engine-versions --engine {ENGINE}"
        f' --query "DBEngineVersions[].EngineVersion"` lists the versions to choose from'
    )


def _engine_statuses(stage: Stage, version: str) -> set[str]:
    versions = stage.client("rds").describe_db_engine_versions(
        Engine=ENGINE, EngineVersion=version, IncludeAll=True
    )
    return {str(each["Status"]) for each in versions["DBEngineVersions"]}
