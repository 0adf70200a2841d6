"""The states in which a stack cannot be deployed, and the way out of each; docs/deploy.md has the same table."""

from local.errors import StackError
from tools.deployed_stack import DeployedStack
from tools.stage import Stage

_DELETE = "`.venv-sam/bin/sam delete --config-env {stage}`"
_BLOCKS = "remove what is in the way (docs/deploy.md, What stays behind)"

WAYS_OUT = {
    "ROLLBACK_COMPLETE": (
        "the first deployment failed and was undone",
        f"fix the cause, then {_DELETE}, then `make deploy` again",
    ),
    "ROLLBACK_FAILED": (
        "the first deployment failed, and not everything could be removed",
        f"{_BLOCKS}, then {_DELETE}, then `make deploy` again",
    ),
    "CREATE_FAILED": (
        "the first deployment failed and was not undone",
        f"fix the cause, then {_DELETE}, then `make deploy` again",
    ),
    "DELETE_FAILED": (
        "deleting the stack failed, and part of it is still there",
        f"{_BLOCKS}, then {_DELETE}",
    ),
    "UPDATE_FAILED": (
        "a deployment failed and was not undone",
        "`{aws} cloudformation rollback-stack --stack-name {stack}`, fix the cause, then `make deploy` again",
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "a deployment failed, and going back to the one before failed too",
        "fix the cause, then `{aws} cloudformation continue-update-rollback --stack-name {stack}`, with"
        " `--resources-to-skip` and the logical id of what cannot be fixed, then `make deploy` again",
    ),
    "*_IN_PROGRESS": (
        "CloudFormation is still changing the stack",
        "wait until it is done (`{aws} cloudformation describe-stack-events --stack-name {stack}` shows"
        " the progress), then `make deploy` again",
    ),
}
"""Status -> what happened, and what to do."""


def check(stage: Stage, stack: DeployedStack | None) -> None:
    """Raise StackError with the way out if the stack is in a state in which it cannot be deployed."""
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
    return f"the stack {stage.stack_name} is in {status}: {happened}.\nTo get out of it: {to_do}"


def _aws(stage: Stage) -> str:
    """The AWS CLI, with the account and the region that the stage names."""
    region = f" --region {stage.region}" if stage.region else ""
    return "aws" + region + (f" --profile {stage.profile}" if stage.profile else "")
