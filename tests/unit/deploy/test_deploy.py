"""`make deploy`: what is called in which order, and that a failure stops it with the reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sam.moto_deployment import CREATE, DEPLOY, MIGRATE, MakeDeploy, MotoDeployment
from tests.sam.stub_sam import StubSam
from tools.deploy import deployment

NOTIFIER = ["remote", "invoke", "NotifierFunction", "--config-env", "prod", "--output", "json"]


@pytest.mark.parametrize(
    ("applied", "said"),
    [
        (["0001_records", "0002_runs"], "Migrations applied: 0001_records, 0002_runs"),
        ([], "none were pending"),
    ],
)
def test_the_stage_is_deployed_and_then_migrated(
    run: MakeDeploy, sam: StubSam, capfd: pytest.CaptureFixture[str], applied: list[str], said: str
) -> None:
    sam.answered({"applied": applied})
    assert run() == 0
    assert sam.calls == [DEPLOY, MIGRATE]
    assert said in capfd.readouterr().out


def test_nothing_is_migrated_when_the_deployment_failed(
    run: MakeDeploy, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answer("deploy", "Error: ROLLBACK_COMPLETE", status=1)
    assert run() == 1
    assert sam.calls == [DEPLOY]
    assert "sam deploy exited with status 1: nothing was migrated" in capfd.readouterr().err


def test_a_migration_that_fails_ends_it_with_the_function_s_reason(
    run: MakeDeploy, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"errorType": "MigrationError", "errorMessage": "0006_more: syntax error"}, failed=True)
    assert run() == 1
    assert len(sam.calls) == 2
    said = capfd.readouterr().err
    assert "MigrationError: 0006_more: syntax error" in said
    assert "run this command again" in said


@pytest.mark.parametrize(("error", "times"), [("Unavailable", 1), ("MigrationBusy", 10)])
def test_a_database_that_is_asleep_or_busy_is_waited_for(
    run: MakeDeploy, sam: StubSam, capfd: pytest.CaptureFixture[str], error: str, times: int
) -> None:
    for _ in range(times):
        sam.answered({"errorType": error, "errorMessage": "not now"}, failed=True)
    sam.answered({"applied": ["0001_records"]})
    assert run() == 0
    assert sam.calls == [DEPLOY, *[MIGRATE] * (times + 1)]
    assert f"{error}: not now" in capfd.readouterr().out


def test_a_database_that_stays_away_is_not_waited_for_for_ever(
    run: MakeDeploy, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(10):
        sam.answered({"errorType": "Unavailable", "errorMessage": "timed out"}, failed=True)
    assert run() == 1
    assert sam.calls == [DEPLOY, *[MIGRATE] * deployment.MAX_ATTEMPTS["Unavailable"]]
    assert "Unavailable: timed out" in capfd.readouterr().err


def test_who_is_told_is_looked_at_after_the_migrations(
    run: MakeDeploy, sam: StubSam, gives: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    gives("NotifySecretArn=arn:aws:the-secret")
    sam.answered({"applied": []})
    team: dict[str, Any] = {"name": "team", "kind": "slack", "events": [], "jobs": [], "switched_off": None}
    sam.answered({"destinations": [team, team | {"name": "old", "switched_off": "410 Gone"}]})
    assert run() == 0
    assert sam.calls == [DEPLOY, MIGRATE, NOTIFIER]
    said = capfd.readouterr().out
    assert "Notifications go to: team (slack), old (slack, switched off: 410 Gone)" in said


def test_destinations_that_cannot_be_read_end_it_with_the_reason(
    run: MakeDeploy, sam: StubSam, gives: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    gives("NotifySecretArn=arn:aws:the-secret")
    sam.answered({"applied": []})
    sam.answered({"errorType": "SecretError", "errorMessage": "it is not JSON, line 3"}, failed=True)
    assert run() == 1
    assert "nobody will be notified: SecretError: it is not JSON, line 3" in capfd.readouterr().err


def test_a_function_that_cannot_be_invoked_is_a_failure_too(
    run: MakeDeploy, sam: StubSam, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answer("remote", "", status=1)
    assert run() == 1
    assert "could not be invoked" in capfd.readouterr().err


@pytest.mark.parametrize("printed", ["", "no JSON", "[]", '{"Payload": "null"}', '{"Payload": "{}"}'])
def test_an_answer_without_what_was_applied_is_no_success(
    run: MakeDeploy, sam: StubSam, printed: str
) -> None:
    sam.answer("remote", printed)
    assert run() == 1


@pytest.mark.parametrize("text", ["", "<html>sign in to the network first</html>"])
def test_what_is_no_certificate_is_not_deployed(
    run: MakeDeploy, sam: StubSam, tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.pem").write_text(text)
    assert run(f"--certificates={tmp_path / 'wrong.pem'}") == 1
    assert sam.calls == []
    assert "contains no PEM certificates" in capfd.readouterr().err


def test_a_declined_change_set_is_no_deployment(
    run: MakeDeploy,
    sam: StubSam,
    cloudformation: MotoDeployment,
    gives: Callable[[str], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    gives("LogLevel=DEBUG")
    cloudformation.confirmed = False
    assert run() == 1
    assert sam.calls == [DEPLOY]
    assert "nothing was deployed: the change set was not executed" in capfd.readouterr().err


def test_a_declined_first_deployment_is_made_by_the_next_run(
    run_first: MakeDeploy, sam: StubSam, cloudformation: MotoDeployment
) -> None:
    cloudformation.confirmed = False
    assert run_first() == 1
    cloudformation.confirmed = True
    sam.answered({"applied": []})
    assert run_first() == 0
    assert sam.calls == [CREATE, CREATE, MIGRATE]


def test_a_change_set_that_was_declined_before_does_not_count(
    run: MakeDeploy, sam: StubSam, cloudformation: MotoDeployment, gives: Callable[[str], None]
) -> None:
    cloudformation.confirmed = False
    cloudformation.deploy(LogLevel="ERROR")
    sam.answered({"applied": []})
    assert run() == 0
    assert sam.calls == [DEPLOY, MIGRATE]


def test_a_deployment_that_failed_is_told_with_the_way_out(
    run_first: MakeDeploy,
    sam: StubSam,
    cloudformation: MotoDeployment,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(command: list[str]) -> int:
        cloudformation.run(command)
        cloudformation.put_into("ROLLBACK_COMPLETE")
        return 1

    monkeypatch.setattr(deployment, "_run", fail)
    assert run_first() == 1
    said = capfd.readouterr().err
    assert "sam deploy exited with status 1: nothing was migrated" in said
    assert ".venv-sam/bin/sam delete --config-env prod" in said
