"""`make deploy` with a stub of the SAM CLI, on moto's CloudFormation."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.sam.moto_deployment import MakeDeploy, MotoDeployment
from tests.sam.stub_sam import StubSam
from tools.deploy import checks, deployment, stage
from tools.deploy.stage import Stage
from tools.tls_certificates import make


@pytest.fixture
def sam(tmp_path: Path) -> StubSam:
    (tmp_path / "bin").mkdir()
    return StubSam(tmp_path / "bin")


@pytest.fixture
def build(tmp_path: Path) -> Path:
    (tmp_path / "build/CommonLayer/python").mkdir(parents=True)
    return tmp_path / "build"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    return make(tmp_path).authority


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "samconfig.toml"
    path.write_text(
        '[prod.global.parameters]\nstack_name = "slowmatch-prod"\nlanguage_extensions = true\n'
        "[prod.deploy.parameters]\n"
        'parameter_overrides = ["MailSender=a@b.org", "MailRecipients=c@b.org"]\n'
    )
    return path


@pytest.fixture
def prod(config: Path) -> Stage:
    return stage.read(config, "prod")


@pytest.fixture
def cloudformation(config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoDeployment]:
    """An account without a stack, in which every `sam deploy` that succeeds changes moto's CloudFormation."""
    run = deployment._run

    def run_on_moto(command: list[str]) -> int:
        status = run(command)
        if not status:
            moto.run(command)
        return status

    with mock_aws():
        moto = MotoDeployment(config)
        monkeypatch.setattr(deployment, "_run", run_on_moto)
        monkeypatch.setattr(checks, "_unreserved", lambda _: 1000)
        monkeypatch.setattr(checks, "_engine_statuses", lambda _stage, _version: {"available"})
        yield moto
        moto.remove()  # another fixture may keep moto going


@pytest.fixture
def first_deploy(
    sam: StubSam,
    build: Path,
    certificates: Path,
    config: Path,
    cloudformation: MotoDeployment,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> MakeDeploy:
    """`make deploy` where there is no stack yet."""
    monkeypatch.setattr("tools.deploy.deployment.time.sleep", lambda _: None)
    options = [f"--certificates={certificates}", f"--build={build}", f"--config={config}"]
    return MakeDeploy(sam, cloudformation, config, ["--stage=prod", *options], capfd)


@pytest.fixture
def deploy(first_deploy: MakeDeploy, cloudformation: MotoDeployment) -> MakeDeploy:
    """`make deploy` of a stack that is there and protected."""
    cloudformation.deploy(MailSender="a@b.org", MailRecipients="c@b.org", DatabaseDeletionProtection="true")
    return first_deploy
