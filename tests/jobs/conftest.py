"""Each job's own tests have the fixtures of slowmatch.testing, on the PostgreSQL that all tests share."""

import pytest

from slowmatch.testing import job_tester, slowmatch_database
from slowmatch.testing.postgres import Postgres

__all__ = ["job_tester", "slowmatch_database"]


@pytest.fixture(scope="session")
def slowmatch_postgres(postgres: Postgres) -> Postgres:
    return postgres


@pytest.fixture(scope="session")
def slowmatch_template(template: str) -> str:
    return template
