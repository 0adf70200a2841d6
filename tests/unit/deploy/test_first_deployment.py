"""The first deployment can be undone; after it, the database is protected from deletion."""

from collections.abc import Callable

import pytest

from tests.sam.moto_deployment import CREATE, DEPLOY, MIGRATE, MakeDeploy, MotoDeployment
from tests.sam.stub_sam import StubSam
from tools.deploy import deployed_stack, stage
from tools.deploy.deployed_stack import PROTECTION


def test_the_first_deployment_can_be_undone_and_ends_protected(
    run_first: MakeDeploy, sam: StubSam, cloudformation: MotoDeployment, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"applied": ["0001_records"]})
    assert run_first() == 0
    assert sam.calls == [CREATE, MIGRATE]
    assert cloudformation.parameters()["DatabaseDeletionProtection"] == "true"
    assert "deletion protection is now on" in capfd.readouterr().out


def test_the_first_deployment_is_unprotected_even_if_samconfig_asks_for_protection(
    run_first: MakeDeploy, sam: StubSam, cloudformation: MotoDeployment, gives: Callable[[str], None]
) -> None:
    gives("DatabaseDeletionProtection=true")
    sam.answered({"errorType": "MigrationError", "errorMessage": "no"}, failed=True)
    assert run_first() == 1
    assert sam.calls[0] == [
        *CREATE[:-1],
        "DatabaseDeletionProtection=true",
        "DatabaseDeletionProtection=false",
    ]
    assert cloudformation.parameters()["DatabaseDeletionProtection"] == "false"


def test_a_stack_whose_first_migration_failed_is_protected_by_the_next_run(
    run_first: MakeDeploy, sam: StubSam, cloudformation: MotoDeployment
) -> None:
    sam.answered({"errorType": "MigrationError", "errorMessage": "no"}, failed=True)
    sam.answered({"applied": ["0001_records"]})
    assert [run_first(), run_first()] == [1, 0]
    assert sam.calls == [CREATE, MIGRATE, DEPLOY, MIGRATE]
    assert cloudformation.parameters()["DatabaseDeletionProtection"] == "true"


def test_turning_protection_on_changes_nothing_else(
    run_first: MakeDeploy, sam: StubSam, cloudformation: MotoDeployment, gives: Callable[[str], None]
) -> None:
    gives("LogLevel=DEBUG")
    sam.answered({"applied": []})
    assert run_first() == 0
    changed = {"MailSender": "a@b.org", "MailRecipients": "c@b.org", "LogLevel": "DEBUG"}
    expected = stage.defaults() | changed | {"DatabaseDeletionProtection": "true"}
    assert cloudformation.parameters() == expected


@pytest.mark.parametrize(
    ("override", "left"),
    [("DatabaseDeletionProtection=false", "false"), ("DatabaseHost=db.b.org", stage.defaults()[PROTECTION])],
)
def test_protection_is_left_alone_where_it_is_not_wanted_or_there_is_no_cluster(
    run_first: MakeDeploy,
    sam: StubSam,
    cloudformation: MotoDeployment,
    gives: Callable[[str], None],
    override: str,
    left: str,
) -> None:
    gives(override)
    sam.answered({"applied": []})
    assert run_first() == 0
    assert cloudformation.parameters()["DatabaseDeletionProtection"] == left


def test_a_refused_protection_is_told_with_the_reason(
    run_first: MakeDeploy, sam: StubSam, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sam.answered({"applied": []})
    monkeypatch.setattr(deployed_stack, "_CAPABILITIES", "which boto3 refuses")
    assert run_first() == 1
    assert "its database can still be deleted" in capfd.readouterr().err
