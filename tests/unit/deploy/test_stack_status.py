"""Every state in which CloudFormation takes no deployment is answered with the way out."""

import pytest

from local.errors import StackError
from tests.sam.template import ROOT
from tools.deploy.deployed_stack import WAYS_OUT, DeployedStack, require_deployable
from tools.deploy.stage import Stage

PROD = Stage("prod", {"stack_name": "slowmatch-prod", "region": "eu-west-1", "profile": "work"}, {})


@pytest.mark.parametrize(
    "status",
    [
        *("CREATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        *("CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE"),
        *("DELETE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"),
    ],
)
def test_a_state_that_takes_no_deployment_is_refused_with_a_command(status: str) -> None:
    with pytest.raises(StackError) as refused:
        require_deployable(PROD, DeployedStack(status, {}))
    said = str(refused.value)
    commands = ("sam delete --config-env prod", "aws --region eu-west-1 --profile work cloudformation ")
    assert said.startswith(f"the stack slowmatch-prod has the status {status}: ")
    assert any(command in said for command in commands)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_is_at_rest_is_deployed(status: str) -> None:
    require_deployable(PROD, DeployedStack(status, {}))


@pytest.mark.parametrize(("status", "way_out"), WAYS_OUT.items())
def test_the_page_on_deployment_has_the_same_way_out(status: str, way_out: tuple[str, str]) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    happened, to_do = way_out
    to_do = to_do.format(stage="default", stack="slowmatch-dev", aws="aws")
    assert f"| `{status}` | {happened} | {to_do} |" in page
