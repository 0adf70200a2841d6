"""Each job's own tests have the fixtures of local.testing, on the PostgreSQL that all tests share."""

import pytest

from local.testing import job_tester, slowmatch_database
from local.testing.postgres import Postgres

__all__ = ["job_tester", "slowmatch_database"]


@pytest.fixture(scope="session")
def slowmatch_postgres(postgres: Postgres) -> Postgres:
    return postgres


@pytest.fixture(scope="session")
def slowmatch_template(template: str) -> str:
    return template
