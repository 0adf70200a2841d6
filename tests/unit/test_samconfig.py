"""samconfig.toml: what `sam local` needs so that nobody has to give flags."""

import tomllib

import pytest

from tests.sam.template import ROOT

CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))["default"]
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
