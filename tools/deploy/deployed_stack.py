"""A stage's stack in CloudFormation: its parameters, whether it can be deployed, and its database's protection."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import StackError
from tools.deploy.stage import Stage

PROTECTION = "DatabaseDeletionProtection"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_DELETE = "`.venv-sam/bin/sam delete --config-env {stage}`"
_BLOCKS = 'remove what is blocking it (see "What stays behind" in docs/deploy.md)'

WAYS_OUT = {
    "ROLLBACK_COMPLETE": (
        "the first deployment failed and was rolled back",
        f"fix the cause, then {_DELETE}, then `make deploy` again",
    ),
    "ROLLBACK_FAILED": (
        "the first deployment failed, and not everything could be removed",
        f"{_BLOCKS}, then {_DELETE}, then `make deploy` again",
    ),
    "CREATE_FAILED": (
        "the first deployment failed and was not rolled back",
        f"fix the cause, then {_DELETE}, then `make deploy` again",
    ),
    "DELETE_FAILED": (
        "deleting the stack failed, and part of it remains",
        f"{_BLOCKS}, then {_DELETE}",
    ),
    "UPDATE_FAILED": (
        "a deployment failed and was not rolled back",
        "`{aws} cloudformation rollback-stack --stack-name {stack}`, fix the cause, then `make deploy` again",
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "a deployment failed, and rolling back failed too",
        "fix the cause, then `{aws} cloudformation continue-update-rollback --stack-name {stack}`, with"
        " `--resources-to-skip` and the logical ids of any resources that cannot be fixed, then `make deploy` again",
    ),
    "*_IN_PROGRESS": (
        "CloudFormation is still changing the stack",
        "wait until it has finished (`{aws} cloudformation describe-stack-events --stack-name {stack}` shows"
        " the progress), then `make deploy` again",
    ),
}
"""Status -> what happened, and what to do; docs/deploy.md has the same table."""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    status: str
    parameters: dict[str, str]


def find(stage: Stage) -> DeployedStack | None:
    """The stack, None if there is none yet. Raises StackError if CloudFormation cannot be asked."""
    with _asking(stage):
        try:
            stack = stage.client("cloudformation").describe_stacks(StackName=stage.stack_name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
    if stack["StackStatus"] == "REVIEW_IN_PROGRESS":  # only a change set that was never executed
        return None
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
    return DeployedStack(stack["StackStatus"], parameters)


def waiting_change_sets(stage: Stage) -> set[str]:
    """The ids of the change sets that can still be executed."""
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
    """Turn deletion protection on and change nothing else. Returns whether the database had none.

    It is off while the stack is created, so that a failed first deployment can be rolled back.
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
            f" refused: {error}\nOnce that is fixed, run this command again"
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
            f"CloudFormation could not be queried about the stack {stage.stack_name}: {error}\nThe region and"
            f" profile come from [{stage.name}.global.parameters] in samconfig.toml, or else from the environment"
        ) from error


def require_deployable(stage: Stage, stack: DeployedStack | None) -> None:
    """Raise StackError with the way out of a state in which the stack cannot be deployed."""
    if found := way_out(stage, stack):
        raise StackError(found)


def way_out(stage: Stage, stack: DeployedStack | None) -> str | None:
    """What happened and what to do, None if the stack can be deployed."""
    status = stack.status if stack else ""
    key = "*_IN_PROGRESS" if status.endswith("_IN_PROGRESS") else status
    if key not in WAYS_OUT:
        return None
    happened, to_do = WAYS_OUT[key]
    to_do = to_do.format(stage=stage.name, stack=stage.stack_name, aws=_aws(stage))
    return f"the stack {stage.stack_name} has the status {status}: {happened}.\nTo recover: {to_do}"


def _aws(stage: Stage) -> str:
    """The AWS CLI, with the account and the region that the stage names."""
    region = f" --region {stage.region}" if stage.region else ""
    return "aws" + region + (f" --profile {stage.profile}" if stage.profile else "")
