"""`make chaos`: what breaks on purpose, how much of it, and a report of figures at the end."""

import dataclasses
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from local.environment import DATABASE, DATABASE_USER
from local.testing.fixtures import AcceptingSqs
from slowmatch.aws import secrets, sqs
from slowmatch.db import Connection, migrate
from slowmatch.settings import Settings
from tests.chaos import report
from tests.chaos.database import Database, started
from tests.chaos.report import SEED, Figures
from tests.support.empty_database import EMPTY

_FIGURES = pytest.StashKey[Figures]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="the same with small numbers, in a few minutes")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = Figures()


@pytest.fixture(scope="session")
def short(pytestconfig: pytest.Config) -> bool:
    """Whether small numbers are wanted."""
    return bool(pytestconfig.getoption("--short"))


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """`figures.add(subject, what, value, unit)` puts a line into the report."""
    return pytestconfig.stash[_FIGURES]


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random and the same every time, for each test its own."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("crash")
    with started(folder, folder / "data") as database:
        yield database


@pytest.fixture
def durable(server: Database, environment: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection to a server that keeps what was committed when it crashes."""
    monkeypatch.setattr(sqs, "client", AcceptingSqs)
    login = {"username": DATABASE_USER, "password": server._password}
    monkeypatch.setattr(secrets, "read", lambda arn, *keys: login)
    config = dataclasses.replace(environment, db_port=server.port, db_name=DATABASE)
    with closing(Connection(config)) as con:
        migrate.apply(con)
        yield con
        con.script(EMPTY)


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    figures = config.stash[_FIGURES]
    if not figures.rows:
        return
    terminalreporter.section("figures")
    terminalreporter.write_line(report.terminal_table(figures))
    terminalreporter.write_line(f"seed {SEED}")
    if exitstatus == pytest.ExitCode.OK and _is_whole(config):
        report.write(figures)
        terminalreporter.write_line("written to docs/reliability.json and docs/reliability.md")


def _is_whole(config: pytest.Config) -> bool:
    """A short run, or one of a few tests, does not replace the figures that the documents quote."""
    everything = [Path(name).resolve() for name in config.args] == [Path(__file__).parent]
    return everything and not (config.option.short or config.option.keyword or config.option.markexpr)
