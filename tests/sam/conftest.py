"""One set of backing services, and what `sam local` keeps running against it, for all tests in Docker."""

from collections.abc import Iterator

import pytest

from tests.sam import backing
from tests.sam.backing import Backing
from tests.sam.invoking import Functions, Outcome, sam_local_invoke
from tests.sam.serving import serving
from tests.sam.template import ROOT


@pytest.fixture(scope="session")
def services() -> Iterator[Backing]:
    with backing.services() as running:
        yield running


@pytest.fixture(scope="session")
def migration(services: Backing) -> Outcome:
    """Before everything else: it makes the tables, and the image that the other containers start from."""
    return sam_local_invoke(services, "MigrateFunction", ROOT / "events" / "migrate" / "direct.json")


@pytest.fixture(scope="session")
def migrated(services: Backing, migration: Outcome) -> Backing:
    """The services, with the tables that are needed; this process uses them too."""
    assert "applied" in migration.value, migration.log
    services.use_here()
    return services


@pytest.fixture(scope="session")
def functions(migrated: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with serving("start-lambda", migrated, tmp_path_factory.mktemp("start-lambda") / "log") as sam:
        yield Functions(sam)
