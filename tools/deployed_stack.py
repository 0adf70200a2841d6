"""A stage's stack in CloudFormation: its status and parameters, and the protection of its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import StackError
from tools.stage import Stage

PROTECTION = "DatabaseDeletionProtection"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


@dataclass(frozen=True, slots=True)
class DeployedStack:
    status: str
    parameters: dict[str, str]


def find(stage: Stage) -> DeployedStack | None:
    """The stack, None if there is none yet; raises StackError if CloudFormation cannot be asked."""
    with _asking(stage):
        try:
            stack = stage.client("cloudformation").describe_stacks(StackName=stage.stack_name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
    if stack["StackStatus"] == "REVIEW_IN_PROGRESS":  # a change set that was never executed, and no resource
        return None
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
    return DeployedStack(stack["StackStatus"], parameters)


def waiting_change_sets(stage: Stage) -> set[str]:
    """The ids of the change sets that were not executed, and still can be."""
    with _asking(stage):
        try:
            pages = stage.client("cloudformation").get_paginator("list_change_sets")
            found = [
                each for page in pages.paginate(StackName=stage.stack_name) for each in page["Summaries"]
            ]
        except ClientError as error:
            if "does not exist" in str(error):
                return set()
            raise
    return {each["ChangeSetId"] for each in found if each["ExecutionStatus"] == "AVAILABLE"}


def protect_database(stage: Stage) -> bool:
    """Turn deletion protection on, with nothing else changed; True if the database had none until now.

    It is off while the stack is created: a first deployment that fails could not be undone otherwise.
    """
    stack = find(stage)
    if stack is None or stage.given.get(PROTECTION) == "false" or not _is_unprotected(stack):
        return False
    kept = [
        {"ParameterKey": name, "UsePreviousValue": True} for name in stack.parameters if name != PROTECTION
    ]
    try:
        cloudformation = stage.client("cloudformation")
        cloudformation.update_stack(
            StackName=stage.stack_name,
            UsePreviousTemplate=True,
            Parameters=[*kept, {"ParameterKey": PROTECTION, "ParameterValue": "true"}],
            Capabilities=_CAPABILITIES,
        )
        waiter = cloudformation.get_waiter("stack_update_complete")
        waiter.wait(StackName=stage.stack_name, WaiterConfig={"Delay": 5, "MaxAttempts": 180})
    except (BotoCoreError, ClientError) as error:
        raise StackError(
            f"the stack is deployed and migrated, but its database can still be deleted: {PROTECTION}=true was"
            f" refused: {error}\nOnce that is put right, run this command again"
        ) from error
    return True


def _is_unprotected(stack: DeployedStack) -> bool:
    return not stack.parameters.get("DatabaseHost") and stack.parameters.get(PROTECTION) == "false"


@contextmanager
def _asking(stage: Stage) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StackError(
            f"CloudFormation could not be asked about the stack {stage.stack_name}: {error}\nRegion and profile are"
            f" those of [{stage.name}.global.parameters] in samconfig.toml, else those of the environment"
        ) from error
