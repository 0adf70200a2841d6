"""samconfig.toml: what `sam local` and `sam deploy` need so that nobody has to give flags."""

import tomllib
from itertools import permutations

import pytest

from tests.sam import template
from tests.sam.template import ROOT
from tools.deploy import parameter_overrides

STAGES = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
del STAGES["version"]
CONFIG = STAGES["default"]
LOCAL = ["local_invoke", "local_start_api", "local_start_lambda"]


@pytest.mark.parametrize("command", LOCAL)
def test_sam_local_reaches_the_backing_services(command: str) -> None:
    parameters = CONFIG[command]["parameters"]
    assert parameters["env_vars"] == ".slowmatch/sam-env.json"  # as make services writes it
    assert parameters["add_host"] == ["localhost:host-gateway"]


@pytest.mark.parametrize("command", ["local_start_api", "local_start_lambda"])
def test_a_container_stays_for_the_next_request(command: str) -> None:
    assert CONFIG[command]["parameters"]["warm_containers"] == "LAZY"


@pytest.mark.parametrize("command", ["local_start_api", "local_start_lambda"])
def test_it_listens_on_this_machine_only(command: str) -> None:
    assert "host" not in CONFIG[command]["parameters"]


def test_no_stage_s_stack_has_a_name_that_begins_with_another_s() -> None:
    """The dashboard finds queues and functions by the words of the stack's name."""
    names = [f"{stage['global']['parameters']['stack_name']}-" for stage in STAGES.values()]
    assert [pair for pair in permutations(names, 2) if pair[0].startswith(pair[1])] == []


@pytest.mark.parametrize("stage", STAGES)
def test_the_sam_cli_expands_loops_in_every_stage(stage: str) -> None:
    # It takes nothing over from the default stage.
    assert STAGES[stage]["global"]["parameters"]["language_extensions"] is True


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_what_deploying_it_needs(stage: str) -> None:
    parameters = STAGES[stage]["deploy"]["parameters"]
    assert parameters["resolve_s3"] is True
    assert parameters["capabilities"].split() == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    given = parameter_overrides.parse(parameters["parameter_overrides"])
    assert set(given) <= set(template.written()["Parameters"])
