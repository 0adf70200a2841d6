"""The first deployment can be undone; after it, the database is protected from deletion."""

import pytest

from tests.sam.moto_deployment import CREATE, DEPLOY, MIGRATE, MakeDeploy
from tools.deploy import deployed_stack, stage
from tools.deploy.deployed_stack import PROTECTION


def test_the_first_deployment_can_be_undone_and_ends_protected(first_deploy: MakeDeploy) -> None:
    first_deploy.sam.answered({"applied": ["0001_records"]})
    assert first_deploy() == 0
    assert first_deploy.sam.calls == [CREATE, MIGRATE]
    assert first_deploy.cloudformation.parameters()["DatabaseDeletionProtection"] == "true"
    assert "deletion protection is now on" in first_deploy.out


def test_the_first_deployment_is_unprotected_even_if_samconfig_asks_for_protection(
    first_deploy: MakeDeploy,
) -> None:
    first_deploy.gives("DatabaseDeletionProtection=true")
    first_deploy.sam.answered({"errorType": "MigrationError", "errorMessage": "no"}, failed=True)
    assert first_deploy() == 1
    assert first_deploy.sam.calls[0] == [
        *CREATE[:-1],
        "DatabaseDeletionProtection=true",
        "DatabaseDeletionProtection=false",
    ]
    assert first_deploy.cloudformation.parameters()["DatabaseDeletionProtection"] == "false"


def test_the_next_run_protects_a_stack_whose_migration_failed(first_deploy: MakeDeploy) -> None:
    first_deploy.sam.answered({"errorType": "MigrationError", "errorMessage": "no"}, failed=True)
    first_deploy.sam.answered({"applied": ["0001_records"]})
    assert [first_deploy(), first_deploy()] == [1, 0]
    assert first_deploy.sam.calls == [CREATE, MIGRATE, DEPLOY, MIGRATE]
    assert first_deploy.cloudformation.parameters()["DatabaseDeletionProtection"] == "true"


def test_turning_protection_on_changes_nothing_else(first_deploy: MakeDeploy) -> None:
    first_deploy.gives("LogLevel=DEBUG")
    first_deploy.sam.answered({"applied": []})
    assert first_deploy() == 0
    changed = {"MailSender": "a@b.org", "MailRecipients": "c@b.org", "LogLevel": "DEBUG"}
    expected = stage.defaults() | changed | {"DatabaseDeletionProtection": "true"}
    assert first_deploy.cloudformation.parameters() == expected


@pytest.mark.parametrize(
    ("override", "left"),
    [("DatabaseDeletionProtection=false", "false"), ("DatabaseHost=db.b.org", stage.defaults()[PROTECTION])],
)
def test_protection_is_left_alone_where_it_is_not_wanted(
    first_deploy: MakeDeploy, override: str, left: str
) -> None:
    first_deploy.gives(override)
    first_deploy.sam.answered({"applied": []})
    assert first_deploy() == 0
    assert first_deploy.cloudformation.parameters()["DatabaseDeletionProtection"] == left


def test_a_refused_protection_is_told_with_the_reason(
    first_deploy: MakeDeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_deploy.sam.answered({"applied": []})
    monkeypatch.setattr(deployed_stack, "_CAPABILITIES", "which boto3 refuses")
    assert first_deploy() == 1
    assert "its database can still be deleted" in first_deploy.err
