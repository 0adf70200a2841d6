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


@pytest.mark.parametrize("command", ["local_invoke", "local_start_api", "local_start_lambda"])
def test_sam_local_reaches_the_backing_services(command: str) -> None:
    parameters = CONFIG[command]["parameters"]
    assert parameters["env_vars"] == ".slowmatch/sam-env.json"  # as make services writes it
    assert parameters["add_host"] == ["localhost:host-gateway"]


@pytest.mark.parametrize("command", ["local_start_api", "local_start_lambda"])
def test_a_container_stays_and_listens_on_this_machine_only(command: str) -> None:
    parameters = CONFIG[command]["parameters"]
    assert parameters["warm_containers"] == "LAZY" and "host" not in parameters


def test_no_stack_s_name_begins_with_another_s() -> None:
    """The dashboard finds queues and functions by the words of the stack's name."""
    names = [f"{stage['global']['parameters']['stack_name']}-" for stage in STAGES.values()]
    assert [pair for pair in permutations(names, 2) if pair[0].startswith(pair[1])] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_what_deploying_it_needs(stage: str) -> None:
    # The SAM CLI takes nothing over from the default stage.
    assert STAGES[stage]["global"]["parameters"]["language_extensions"] is True
    parameters = STAGES[stage]["deploy"]["parameters"]
    assert parameters["resolve_s3"] is True
    assert parameters["capabilities"].split() == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    given = parameter_overrides.parse(parameters["parameter_overrides"])
    assert set(given) <= set(template.written()["Parameters"])
