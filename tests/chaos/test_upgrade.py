"""A big database gets its next schema while the version before is in use: nothing lost, nobody blocked."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.environment import DATABASE, DATABASE_USER
from local.output import Progress
from local.seed import records, runs
from slowmatch.aws import secrets
from slowmatch.db import Connection, migrate
from slowmatch.db.migration import Migration, migrations
from slowmatch.settings import Settings
from tests.chaos.database import Database, started
from tests.chaos.old_code import People, copy_without
from tests.chaos.report import Figures
from tests.conftest import _variables
from tests.support.stack_process import running

SUBJECT = "Upgrade"
FINAL = ("succeeded", "failed", "deleted")
NOTED_MS = 20
# The server itself refuses whoever waits for a second, and writes down who waits at all.
STRICT = {"lock_timeout": "1s", "log_lock_waits": "on", "deadlock_timeout": f"{NOTED_MS}ms"}
WAITED = re.compile(
    r"acquired (?:AccessShare|RowShare|RowExclusive)Lock on relation \d+ .* after ([\d.]+) ms"
)
NOTIFICATIONS = """
    INSERT INTO notification (at, event, job, key, routed_at)
    SELECT now() - number * interval '1 second', 'failed', 'record-expiry', 'old ' || number, now()
    FROM generate_series(1, CAST(:rows AS integer)) AS number
"""
# What was there before, but for what jobs may change.
DIGEST = """
    SELECT (SELECT sum(hashtextextended(id || title || created_at || expiry_date, 0))::text
            FROM record WHERE id <= CAST(:last AS bigint)),
        (SELECT sum(hashtextextended(id || job || payload::text || COALESCE(result::text, error), 0))::text
            FROM job_run WHERE finished_at < CAST(:began AS timestamptz)),
        (SELECT count(*) FROM job_event WHERE at < CAST(:began AS timestamptz)),
        (SELECT count(*) FROM job_attempt WHERE started_at < CAST(:began AS timestamptz)),
        (SELECT count(*) FROM notification WHERE key LIKE 'old %')
"""


@dataclass
class Step:
    """What one migration did, and what the old code met meanwhile."""

    applied: list[str]
    requests: int
    longest_ms: float
    waits_ms: list[float]
    refused: str = ""


@dataclass
class Upgrade:
    database: Database
    people: People
    rows: int
    digests: list[Any] = field(default_factory=list)
    steps: dict[str, Step] = field(default_factory=dict)

    def step(self, files: list[Migration]) -> None:
        """Apply the last of the files by two functions at once."""
        log, answered = len(self.database._log.read_text()), self.people.answers.total()
        self.people.longest = 0.0
        with ThreadPoolExecutor(2) as threads:
            both = [threads.submit(self._apply, files) for _ in range(2)]
        self.people.go_on()
        waits = [float(ms) for ms in WAITED.findall(self.database._log.read_text()[log:])]
        requests = self.people.answers.total() - answered
        refusals = {str(error) for each in both if (error := each.exception())}
        applied = [name for each in both if not each.exception() for name in each.result()]
        longest = self.people.longest * 1_000
        self.steps[str(files[-1])] = Step(applied, requests, longest, waits, " ".join(refusals))

    def _apply(self, files: list[Migration]) -> list[str]:
        config = Settings.from_env(_variables(self.database.port, DATABASE, "arn:of:the:secret"))
        with closing(Connection(config)) as con:
            return migrate.apply(con, files)


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory, short: bool) -> Iterator[Upgrade]:
    folder = tmp_path_factory.mktemp("upgrade")
    files = migrations()
    template = copy_without(folder, str(files[-1]))
    with started(folder, folder / "data") as database, pytest.MonkeyPatch.context() as patch:
        for name, value in STRICT.items():
            database.query(f"ALTER ROLE {DATABASE_USER} SET {name} = '{value}'")
        login = {"username": DATABASE_USER, "password": database._password}
        patch.setattr(secrets, "read", lambda arn, *keys: login)
        with running(folder, template=template, DB_PORT=str(database.port)) as stack:
            upgrade = Upgrade(database, People(stack), 2_000 if short else 200_000)
            _fill(database, upgrade.rows)
            ((last, began),) = database.query("SELECT max(id), now() FROM record")
            upgrade.digests.append(database.query(DIGEST, last=last, began=began))
            with upgrade.people.at_work():
                upgrade.step(files)
                for file in sorted(Path(__file__).with_name("upgrade").glob("*.sql")):
                    files.append(Migration(int(file.name[:4]), file.stem[5:], file.read_text()))
                    patch.setattr(migrate, "ATTEMPTS", 2 if "careless" in file.name else 20)
                    upgrade.step(files)
            for run_id in upgrade.people.runs:
                stack.wait(run_id, *FINAL, seconds=120)
            upgrade.digests.append(database.query(DIGEST, last=last, began=began))
            yield upgrade


def _fill(database: Database, rows: int) -> None:
    with closing(database.connect()) as con:
        con.run("SET lock_timeout = 0")
        records.add_synthetic(con, rows, Progress(rows, "records"))
        runs.add(con, rows, Progress(rows, "runs"))
        con.run(NOTIFICATIONS, rows=rows)
        con.run("VACUUM (ANALYZE)")


def test_each_migration_is_applied_once_but_for_the_careless_one(upgrade: Upgrade, figures: Figures) -> None:
    figures.add(SUBJECT, "records, runs and notifications, each", upgrade.rows)
    newest, expand, indexes, careless = upgrade.steps
    for name in (newest, expand, indexes):
        assert upgrade.steps[name].applied == [name], upgrade.steps[name]
    assert upgrade.steps[careless].applied == []
    assert "it takes longer than" in upgrade.steps[careless].refused
    figures.add(SUBJECT, "migrations applied", 3)
    figures.add(SUBJECT, "careless migrations undone", 1)


def test_the_old_code_is_never_refused(upgrade: Upgrade, figures: Figures) -> None:
    people = upgrade.people
    for name, step in upgrade.steps.items():
        figures.add(SUBJECT, f"requests answered during {name}", step.requests)
    figures.add(SUBJECT, "requests not answered as they should be", len(people.refused))
    assert people.refused == []
    assert all(step.requests for step in upgrade.steps.values())


def test_nobody_waits_for_a_second(upgrade: Upgrade, figures: Figures) -> None:
    """A wait of a second is refused by the server, and would be among what was refused."""
    for name, step in upgrade.steps.items():
        longest = max(step.waits_ms, default=0.0)
        figures.add(SUBJECT, f"longest wait for {name}", longest or f"below {NOTED_MS} ms", "ms")
        figures.add(SUBJECT, f"longest request during {name}", step.longest_ms, "ms")
        assert longest < 1_000


def test_nothing_is_lost(upgrade: Upgrade, figures: Figures) -> None:
    people, database = upgrade.people, upgrade.database
    before, after = upgrade.digests
    assert before == after
    titles = dict(
        database.query("SELECT id, title FROM record WHERE id = ANY(:ids)", ids=list(people.titles))
    )
    assert titles == people.titles
    assert database.value("SELECT count(*) FROM record WHERE id = ANY(:ids)", ids=list(people.gone)) == 0
    states = database.query(
        "SELECT DISTINCT state FROM job_run WHERE id = ANY(CAST(:ids AS uuid[]))", ids=people.runs
    )
    assert states == [["succeeded"]]
    figures.add(SUBJECT, "records written meanwhile", len(people.titles) + len(people.gone))
    figures.add(SUBJECT, "runs asked for meanwhile, all succeeded", len(people.runs))
    figures.add(SUBJECT, "rows lost", 0)


def test_the_old_code_finds_its_way_in_the_new_schema(upgrade: Upgrade) -> None:
    upgrade.database.value("SELECT count(colour) FROM record")
    invalid = upgrade.database.query("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    assert invalid == []
