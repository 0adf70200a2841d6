"""A version of Aurora PostgreSQL that Amazon RDS no longer makes databases with."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from tools.deploy import checks, stage
from tools.deploy.stage import Stage


@pytest.fixture
def prod(config: Path) -> Stage:
    return stage.read(config, "prod")


@pytest.mark.parametrize(
    ("version", "statuses", "warned"),
    [
        ("17.7", ["available"], None),
        ("17.7", ["deprecated"], "DatabaseEngineVersion=17.7 is deprecated"),
        ("17.99", [], "DatabaseEngineVersion=17.99 is not offered"),
        ("17", ["deprecated", "available"], None),
        ("17", [], None),
        ("17", ["deprecated"], "DatabaseEngineVersion=17 is deprecated"),
    ],
)
def test_a_version_that_rds_gives_up_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, prod: Stage, version: str, statuses: list[str], warned: str | None
) -> None:
    class RdsClient:
        def describe_db_engine_versions(self, **asked: Any) -> dict[str, Any]:
            assert asked == {"Engine": "aurora-postgresql", "EngineVersion": version, "IncludeAll": True}
            return {"DBEngineVersions": [{"Status": status} for status in statuses]}

    monkeypatch.setattr(Stage, "client", lambda self, service: RdsClient())
    warning = checks.engine_version_warning(prod, version)
    assert warning is None if warned is None else (warning or "").startswith(warned)


def test_nothing_is_said_where_rds_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, prod: Stage) -> None:
    def refuse(self: Stage, service: str) -> Any:
        raise NoCredentialsError

    monkeypatch.setattr(Stage, "client", refuse)
    assert checks.engine_version_warning(prod, "17.7") is None
