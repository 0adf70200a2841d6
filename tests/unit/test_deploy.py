"""`make deploy`: what is called in which order, and that a failure stops it with the reason."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from local import deploy, quota, rds_certificates, stage
from local.errors import StackError
from tests.sam import template
from tests.sam.stub_sam import StubSam
from tests.sam.template import ROOT
from tests.unit.mail.certificates import make

MIGRATE = ["remote", "invoke", "MigrateFunction", "--config-env", "prod", "--output", "json"]
NOTIFIER = ["remote", "invoke", "NotifierFunction", "--config-env", "prod", "--output", "json"]
DEPLOY = ["deploy", "--config-env", "prod", "--no-fail-on-empty-changeset"]


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
def run(
    sam: StubSam, build: Path, certificates: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> "Run":
    monkeypatch.setattr("local.deploy.time.sleep", lambda _: None)
    monkeypatch.setattr(quota, "_limit", lambda region, profile: 1000)
    files = [f"--certificates={certificates}", f"--build={build}", f"--config={config}"]
    return Run([f"--sam={sam.path}", "--stage=prod", *files])


class Run:
    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments

    def __call__(self, *more: str) -> int:
        return deploy.main([*self._arguments, *more])


def test_the_stage_is_deployed_and_then_migrated(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"applied": ["0001_records", "0002_runs"]})
    assert run() == 0
    assert sam.calls == [DEPLOY, MIGRATE]
    assert "Migrations applied: 0001_records, 0002_runs" in capfd.readouterr().out


def test_a_database_that_has_all_migrations_is_as_good(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"applied": []})
    assert run() == 0
    assert "the database has them all" in capfd.readouterr().out


def test_nothing_is_migrated_when_the_deployment_failed(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answer("deploy", "Error: ROLLBACK_COMPLETE", status=1)
    assert run() == 1
    assert sam.calls == [DEPLOY]
    assert "sam deploy ended with status 1: nothing was migrated" in capfd.readouterr().err


def test_a_migration_that_fails_ends_it_with_the_function_s_reason(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"errorType": "MigrationFailed", "errorMessage": "0006_more: syntax error"}, failed=True)
    assert run() == 1
    assert len(sam.calls) == 2
    said = capfd.readouterr().err
    assert "MigrationFailed: 0006_more: syntax error" in said
    assert "run this command again" in said


def test_a_database_that_wakes_up_is_waited_for(run: Run, sam: StubSam) -> None:
    sam.answered({"errorType": "Unavailable", "errorMessage": "timed out"}, failed=True)
    sam.answered({"applied": ["0001_records"]})
    assert run() == 0
    assert sam.calls == [DEPLOY, MIGRATE, MIGRATE]


def test_a_database_that_stays_away_is_not_waited_for_for_ever(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(10):
        sam.answered({"errorType": "Unavailable", "errorMessage": "timed out"}, failed=True)
    assert run() == 1
    assert sam.calls == [DEPLOY, *[MIGRATE] * deploy.ATTEMPTS["Unavailable"]]
    assert "Unavailable: timed out" in capfd.readouterr().err


def test_a_migration_that_goes_on_for_longer_than_the_sam_cli_waits_is_waited_for(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(10):
        sam.answered({"errorType": "MigrationBusy", "errorMessage": "another is at work"}, failed=True)
    sam.answered({"applied": []})
    assert run() == 0
    assert sam.calls == [DEPLOY, *[MIGRATE] * 11]
    assert "another is at work" in capfd.readouterr().out


@pytest.fixture
def told(config: Path) -> None:
    """The stage names a secret with destinations."""
    config.write_text(config.read_text().replace("c@b.org", 'c@b.org", "NotifySecretArn=arn:aws:the-secret'))


@pytest.mark.usefixtures("told")
def test_who_is_told_is_looked_at_after_the_migrations(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"applied": []})
    team: dict[str, Any] = {"name": "team", "kind": "slack", "events": [], "jobs": [], "switched_off": None}
    sam.answered({"destinations": [team, team | {"name": "old", "switched_off": "410 Gone"}]})
    assert run() == 0
    assert sam.calls == [DEPLOY, MIGRATE, NOTIFIER]
    said = capfd.readouterr().out
    assert "Notifications go to: team (slack), old (slack, switched off: 410 Gone)" in said


@pytest.mark.usefixtures("told")
def test_a_list_of_destinations_that_cannot_be_read_ends_it_with_the_reason(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"applied": ["0001_records"]})
    sam.answered({"errorType": "SecretError", "errorMessage": "it is not JSON, line 3"}, failed=True)
    assert run() == 1
    said = capfd.readouterr()
    assert "Migrations applied: 0001_records" in said.out
    assert "nobody will be told of anything: SecretError: it is not JSON, line 3" in said.err


def test_a_function_that_cannot_be_invoked_is_a_failure_too(
    run: Run, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answer("remote", "", status=1)
    assert run() == 1
    assert "could not be invoked" in capfd.readouterr().err


@pytest.mark.parametrize("printed", ["", "no JSON", "[]", '{"Payload": "null"}', '{"Payload": "{}"}'])
def test_an_answer_without_what_was_applied_is_no_success(run: Run, sam: StubSam, printed: str) -> None:
    sam.answer("remote", printed)
    assert run() == 1


def test_the_certificates_lie_where_the_functions_look_for_them(
    build: Path, certificates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = rds_certificates.put(build, str(certificates))
    assert place.read_text() == certificates.read_text()
    assert template.variables()["DB_CA_FILE"]["Fn::If"][1] == f"/opt/python/{place.name}"
    assert place.parent == build / "CommonLayer" / "python"
    assert capsys.readouterr().out.startswith("1 certificates")


@pytest.mark.parametrize("text", ["", "<html>sign in to the network first</html>"])
def test_what_is_no_certificate_is_not_deployed(
    run: Run, sam: StubSam, tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.pem").write_text(text)
    assert run(f"--certificates={tmp_path / 'wrong.pem'}") == 1
    assert sam.calls == []
    assert "has no certificates in PEM" in capfd.readouterr().err


def test_a_file_that_is_not_there_is_named(build: Path) -> None:
    with pytest.raises(StackError, match=r"RDS_CERTIFICATES is 'nowhere\.pem', which cannot be read"):
        rds_certificates.put(build, "nowhere.pem")


def test_a_machine_without_a_way_to_amazon_is_told_of_the_other_way(build: Path) -> None:
    with pytest.raises(StackError, match="make deploy RDS_CERTIFICATES="):
        rds_certificates.put(build, address="http://127.0.0.1:9/global-bundle.pem")


def test_certificates_need_a_built_layer(tmp_path: Path, certificates: Path) -> None:
    with pytest.raises(StackError, match="run make build first"):
        rds_certificates.put(tmp_path, str(certificates))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "samconfig.toml"
    lines = ["version = 0.1", "[prod.deploy.parameters]"]
    path.write_text(
        "\n".join([*lines, 'parameter_overrides = ["MailSender=a@b.org", "MailRecipients=c@b.org"]'])
    )
    return path


def test_a_stage_that_says_who_mails_to_whom_is_complete(config: Path) -> None:
    assert stage.read(config, "prod").given == {"MailSender": "a@b.org", "MailRecipients": "c@b.org"}


def test_a_stage_that_is_not_in_samconfig_is_refused(config: Path) -> None:
    with pytest.raises(StackError, match=r"samconfig\.toml has no section \[test\.deploy\.parameters\]"):
        stage.read(config, "test")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ('["MailSender=a@b.org"]', "gives no MailRecipients"),
        ('["MailSender=a@b.org", "MailRecipients=you@example.com"]', "MailRecipients is still the example"),
        ('"MailSender=jobs@example.com MailRecipients=c@b.org"', "MailSender is still the example"),
        ('["MailSender=a@b.org", "MailRecipients=c@b.org", "MailSendr=x"]', "MailSendr is no parameter"),
    ],
)
def test_parameters_that_cannot_be_are_told_before_the_build_is_uploaded(
    config: Path, overrides: str, words: str
) -> None:
    config.write_text(f"[prod.deploy.parameters]\nparameter_overrides = {overrides}\n")
    with pytest.raises(StackError, match=words):
        stage.read(config, "prod")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say how many functions the account may run at a time; nobody asks AWS."""
    return lambda limit: monkeypatch.setattr(quota, "_limit", lambda region, profile: limit)


@pytest.mark.parametrize("concurrency", [10, 40, 400])
def test_an_account_with_too_little_concurrency_is_told_before_the_database_is_made(
    account: Callable[[int], None], concurrency: int
) -> None:
    account(quota.reserved(concurrency) + quota.UNRESERVED - 1)
    with pytest.raises(StackError, match=rf"ApiConcurrency={concurrency} reserves .*: add ApiConcurrency=0"):
        quota.check(concurrency, {})
    account(quota.reserved(concurrency) + quota.UNRESERVED)
    quota.check(concurrency, {})


def test_a_new_account_can_do_without_a_reservation(account: Callable[[int], None]) -> None:
    account(10)
    quota.check(0, {})


def test_who_cannot_ask_for_the_quota_may_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(region: str | None, profile: str | None) -> int:
        raise NoCredentialsError

    monkeypatch.setattr(quota, "_limit", refuse)
    quota.check(40, {})


def test_what_is_counted_is_what_the_template_reserves() -> None:
    functions = template.transformed()["Resources"]
    limits = [
        functions[name]["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1]
        for name in template.functions()
        if "ReservedConcurrentExecutions" in functions[name]["Properties"]
    ]
    assert sum(40 if limit == {"Ref": "ApiConcurrency"} else limit for limit in limits) == quota.reserved(40)


def test_every_stage_of_samconfig_has_what_deploying_it_needs() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    stages = {name for name, value in config.items() if isinstance(value, dict)}
    assert stages == {"default", "prod"}
    names = {config[name]["global"]["parameters"]["stack_name"] for name in stages}
    assert len(names) == len(stages)
    declared = set(template.written()["Parameters"])
    for name in stages:
        parameters = config[name]["deploy"]["parameters"]
        assert parameters["resolve_s3"] is True, name
        assert parameters["capabilities"] == "CAPABILITY_IAM", name
        overridden = {item.split("=", 1)[0] for item in parameters.get("parameter_overrides", [])}
        assert overridden <= declared, json.dumps(sorted(overridden - declared))
