"""Whether the account can reserve the concurrency that a stage wants: new ones cannot, and learn it late.

CloudFormation makes the functions after the database, so being refused then costs a quarter of an hour.
"""

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import StackError
from local.template.intrinsics import Resolver
from local.template.reader import FUNCTION
from tools.stage import Stage, template

UNRESERVED = 100  # Lambda insists that as many stay unreserved


def reservations(api_concurrency: int) -> list[int]:
    """What each function of the template reserves, of those that do."""
    document = template()
    resolver = Resolver(document, {"ApiConcurrency": str(api_concurrency)}, lambda logical_id, _: logical_id)
    functions = [each for each in document["Resources"].values() if each["Type"] == FUNCTION]
    found = [resolver.member(each["Properties"], "ReservedConcurrentExecutions", 0) for each in functions]
    return [int(each) for each in found if each]


def check(stage: Stage, api_concurrency: int, exists: bool) -> None:
    """Raise StackError if the account has too little left; if it cannot be asked, `sam deploy` will find out.

    `exists` says whether there is a stack already: what its functions have reserved is theirs to keep.
    """
    wanted = reservations(api_concurrency)
    if not wanted:
        return
    try:
        unreserved = _unreserved(stage)
        own = _own(stage) if exists else 0
    except (BotoCoreError, ClientError):
        return
    if unreserved - UNRESERVED + own < sum(wanted):
        raise StackError(
            f"ApiConcurrency={api_concurrency} reserves {' + '.join(map(str, wanted))} = {sum(wanted)}"
            f" concurrent executions, and there are too few: the account has {unreserved} unreserved, of which"
            f" {UNRESERVED} have to stay so, and this stack has reserved {own}, so it can have"
            f" {max(0, unreserved - UNRESERVED + own)}. Lower ApiConcurrency in the {stage.where} (0 reserves"
            f" nothing), and ask for more under Service Quotas, Lambda, Concurrent executions"
        )


def _unreserved(stage: Stage) -> int:
    limit = stage.client("lambda").get_account_settings()["AccountLimit"]
    return int(limit["UnreservedConcurrentExecutions"])


def _own(stage: Stage) -> int:
    """What the stack's functions have reserved."""
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
