"""`make deploy` before the build: what would be refused late, and what to build for."""

import subprocess
from pathlib import Path

import pytest

from tests.sam.moto_deployment import MakeDeploy
from tests.sam.template import ROOT
from tools.deploy import checks


def test_what_is_built_is_what_the_stage_says(first_deploy: MakeDeploy) -> None:
    first_deploy.gives("Architecture=x86_64")
    assert first_deploy("--check") == 0
    assert first_deploy.out == "x86_64\n"


def test_what_is_built_is_otherwise_what_the_stack_has(deploy: MakeDeploy) -> None:
    deploy.cloudformation.deploy(Architecture="x86_64")
    assert deploy("--check") == 0
    assert deploy.out == "x86_64\n"


def test_make_deploy_takes_no_processor_beside_the_stage_s() -> None:
    made = subprocess.run(
        ["make", "-n", "deploy", "ARCH=x86_64"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 2
    assert "make deploy builds for the Architecture of its stage" in made.stderr


def test_a_deprecated_engine_is_warned_of_and_deployed(
    first_deploy: MakeDeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_engine_statuses", lambda stage, version: {"deprecated"})
    assert first_deploy("--check") == 0
    assert "is deprecated by Amazon RDS" in first_deploy.err


@pytest.mark.parametrize("region", checks.REGIONS_WITHOUT_QUEUE_TAGS)
def test_a_region_where_no_run_could_be_sent_is_warned_of(
    first_deploy: MakeDeploy, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert first_deploy("--check") == 0
    assert f"warning: in {region} " in first_deploy.err


def test_a_stack_that_takes_no_deployment_is_told_before_the_build(deploy: MakeDeploy) -> None:
    deploy.cloudformation.put_into("UPDATE_ROLLBACK_FAILED")
    assert deploy("--check") == 1
    assert "the stack slowmatch-prod has the status UPDATE_ROLLBACK_FAILED" in deploy.err
    assert "aws cloudformation continue-update-rollback --stack-name slowmatch-prod" in deploy.err
    assert deploy.sam.calls == []


def test_an_account_that_cannot_be_asked_is_told_with_the_reason(
    first_deploy: MakeDeploy, config: Path
) -> None:
    config.write_text(config.read_text().replace("[prod.deploy", 'profile = "nobody"\n[prod.deploy'))
    assert first_deploy("--check") == 1
    assert (
        "could not be queried about the stack slowmatch-prod: The config profile (nobody)" in first_deploy.err
    )


def test_a_quota_that_is_too_small_is_told_before_the_build(
    first_deploy: MakeDeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_unreserved", lambda stage: 10)
    assert first_deploy("--check") == 1
    assert "the account has 10 unreserved, of which 100 must remain unreserved" in first_deploy.err
