"""`make deploy` before the build: what would be refused late, and what to build for."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sam.moto_deployment import MakeDeploy, MotoDeployment
from tests.sam.stub_sam import StubSam
from tests.sam.template import ROOT
from tools.deploy import checks


def test_what_is_built_is_what_the_stage_says(
    run_first: MakeDeploy, gives: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    gives("Architecture=x86_64")
    assert run_first("--check") == 0
    assert capfd.readouterr().out == "x86_64\n"


def test_what_is_built_is_what_the_stack_has_if_the_stage_does_not_say(
    run: MakeDeploy, cloudformation: MotoDeployment, capfd: pytest.CaptureFixture[str]
) -> None:
    cloudformation.deploy(Architecture="x86_64")
    assert run("--check") == 0
    assert capfd.readouterr().out == "x86_64\n"


def test_make_deploy_takes_no_processor_beside_the_stage_s() -> None:
    made = subprocess.run(
        ["make", "-n", "deploy", "ARCH=x86_64"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 2
    assert "make deploy builds for the Architecture of its stage" in made.stderr


def test_a_deprecated_engine_is_warned_of_and_deployed(
    run_first: MakeDeploy, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "_engine_statuses", lambda stage, version: {"deprecated"})
    assert run_first("--check") == 0
    assert "is deprecated by Amazon RDS" in capfd.readouterr().err


@pytest.mark.parametrize("region", checks.REGIONS_WITHOUT_QUEUE_TAGS)
def test_a_region_where_no_run_could_be_sent_is_warned_of(
    run_first: MakeDeploy, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert run_first("--check") == 0
    assert f"warning: in {region} " in capfd.readouterr().err


def test_a_stack_that_takes_no_deployment_is_told_before_the_build(
    run: MakeDeploy, sam: StubSam, cloudformation: MotoDeployment, capfd: pytest.CaptureFixture[str]
) -> None:
    cloudformation.put_into("UPDATE_ROLLBACK_FAILED")
    assert run("--check") == 1
    said = capfd.readouterr().err
    assert "the stack slowmatch-prod has the status UPDATE_ROLLBACK_FAILED" in said
    assert "aws cloudformation continue-update-rollback --stack-name slowmatch-prod" in said
    assert sam.calls == []


def test_an_account_that_cannot_be_asked_is_told_with_the_reason(
    run_first: MakeDeploy, sam: StubSam, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text().replace("[prod.deploy", 'profile = "nobody"\n[prod.deploy'))
    assert run_first("--check") == 1
    assert (
        "could not be queried about the stack slowmatch-prod: The config profile (nobody)"
        in capfd.readouterr().err
    )


def test_a_quota_that_is_too_small_is_told_before_the_build(
    run_first: MakeDeploy, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "_unreserved", lambda stage: 10)
    assert run_first("--check") == 1
    assert "the account has 10 unreserved, of which 100 must remain unreserved" in capfd.readouterr().err
