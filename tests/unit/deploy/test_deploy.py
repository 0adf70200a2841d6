"""`make deploy`: what is called in which order, and that a failure stops it with the reason."""

from pathlib import Path
from typing import Any

import pytest

from tests.sam.moto_deployment import CREATE, DEPLOY, MIGRATE, MakeDeploy
from tools.deploy import deployment

NOTIFIER = ["remote", "invoke", "NotifierFunction", "--config-env", "prod", "--output", "json"]


@pytest.mark.parametrize(
    ("applied", "said"),
    [
        (["0001_records", "0002_runs"], "Migrations applied: 0001_records, 0002_runs"),
        ([], "none were pending"),
    ],
)
def test_the_stage_is_deployed_and_then_migrated(deploy: MakeDeploy, applied: list[str], said: str) -> None:
    deploy.sam.answered({"applied": applied})
    assert deploy() == 0
    assert deploy.sam.calls == [DEPLOY, MIGRATE]
    assert said in deploy.out


def test_nothing_is_migrated_when_the_deployment_failed(deploy: MakeDeploy) -> None:
    deploy.sam.answer("deploy", "Error: ROLLBACK_COMPLETE", status=1)
    assert deploy() == 1
    assert deploy.sam.calls == [DEPLOY]
    assert "sam deploy exited with status 1: nothing was migrated" in deploy.err


def test_a_migration_that_fails_ends_it_with_the_function_s_reason(deploy: MakeDeploy) -> None:
    deploy.sam.answered(
        {"errorType": "MigrationError", "errorMessage": "0006_more: syntax error"}, failed=True
    )
    assert deploy() == 1
    assert len(deploy.sam.calls) == 2
    assert "MigrationError: 0006_more: syntax error" in deploy.err
    assert "run this command again" in deploy.err


@pytest.mark.parametrize(("error", "times"), [("Unavailable", 1), ("MigrationBusy", 10)])
def test_a_database_that_is_asleep_or_busy_is_waited_for(deploy: MakeDeploy, error: str, times: int) -> None:
    for _ in range(times):
        deploy.sam.answered({"errorType": error, "errorMessage": "not now"}, failed=True)
    deploy.sam.answered({"applied": ["0001_records"]})
    assert deploy() == 0
    assert deploy.sam.calls == [DEPLOY, *[MIGRATE] * (times + 1)]
    assert f"{error}: not now" in deploy.out


def test_a_database_that_stays_away_is_not_waited_for_for_ever(deploy: MakeDeploy) -> None:
    for _ in range(10):
        deploy.sam.answered({"errorType": "Unavailable", "errorMessage": "timed out"}, failed=True)
    assert deploy() == 1
    assert deploy.sam.calls == [DEPLOY, *[MIGRATE] * deployment.MAX_ATTEMPTS["Unavailable"]]
    assert "Unavailable: timed out" in deploy.err


def test_who_is_told_is_looked_at_after_the_migrations(deploy: MakeDeploy) -> None:
    deploy.gives("NotifySecretArn=arn:aws:the-secret")
    deploy.sam.answered({"applied": []})
    team: dict[str, Any] = {"name": "team", "kind": "slack", "events": [], "jobs": [], "switched_off": None}
    old = team | {"name": "old", "switched_off": "410 Gone"}
    wrong = team | {"name": "wrong", "problem": "the key 'url' is missing"}
    problems = ["wrong: the key 'url' is missing"]
    deploy.sam.answered({"destinations": [team, old, wrong], "problems": problems})
    assert deploy() == 0
    assert deploy.sam.calls == [DEPLOY, MIGRATE, NOTIFIER]
    assert "Notifications go to: team (slack), old (slack, switched off: 410 Gone)\n" in deploy.out
    assert "warning: nothing is sent to wrong: the key 'url' is missing" in deploy.err


def test_destinations_that_cannot_be_read_end_it_with_the_reason(deploy: MakeDeploy) -> None:
    deploy.gives("NotifySecretArn=arn:aws:the-secret")
    deploy.sam.answered({"applied": []})
    deploy.sam.answered({"errorType": "SecretError", "errorMessage": "it is not JSON, line 3"}, failed=True)
    assert deploy() == 1
    assert "nobody will be notified: SecretError: it is not JSON, line 3" in deploy.err


def test_a_function_that_cannot_be_invoked_is_a_failure_too(deploy: MakeDeploy) -> None:
    deploy.sam.answer("remote", "", status=1)
    assert deploy() == 1
    assert "could not be invoked" in deploy.err


@pytest.mark.parametrize("printed", ["", "no JSON", "[]", '{"Payload": "null"}', '{"Payload": "{}"}'])
def test_an_answer_without_what_was_applied_is_no_success(deploy: MakeDeploy, printed: str) -> None:
    deploy.sam.answer("remote", printed)
    assert deploy() == 1


@pytest.mark.parametrize("text", ["", "<html>sign in to the network first</html>"])
def test_what_is_no_certificate_is_not_deployed(deploy: MakeDeploy, tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.pem").write_text(text)
    assert deploy(f"--certificates={tmp_path / 'wrong.pem'}") == 1
    assert deploy.sam.calls == []
    assert "contains no PEM certificates" in deploy.err


def test_a_declined_change_set_is_no_deployment(deploy: MakeDeploy) -> None:
    deploy.gives("LogLevel=DEBUG")
    deploy.cloudformation.confirmed = False
    assert deploy() == 1
    assert deploy.sam.calls == [DEPLOY]
    assert "nothing was deployed: the change set was not executed" in deploy.err


def test_a_declined_first_deployment_is_made_by_the_next_run(first_deploy: MakeDeploy) -> None:
    first_deploy.cloudformation.confirmed = False
    assert first_deploy() == 1
    first_deploy.cloudformation.confirmed = True
    first_deploy.sam.answered({"applied": []})
    assert first_deploy() == 0
    assert first_deploy.sam.calls == [CREATE, CREATE, MIGRATE]


def test_a_change_set_that_was_declined_before_does_not_count(deploy: MakeDeploy) -> None:
    deploy.cloudformation.confirmed = False
    deploy.cloudformation.deploy(LogLevel="ERROR")
    deploy.sam.answered({"applied": []})
    assert deploy() == 0
    assert deploy.sam.calls == [DEPLOY, MIGRATE]


def test_a_deployment_that_failed_is_told_with_the_way_out(
    first_deploy: MakeDeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str]) -> int:
        first_deploy.cloudformation.run(command)
        first_deploy.cloudformation.put_into("ROLLBACK_COMPLETE")
        return 1

    monkeypatch.setattr(deployment, "_run", fail)
    assert first_deploy() == 1
    assert "sam deploy exited with status 1: nothing was migrated" in first_deploy.err
    assert ".venv-sam/bin/sam delete --config-env prod" in first_deploy.err
