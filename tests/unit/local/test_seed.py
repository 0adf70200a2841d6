import gc
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pg8000.native
import pytest

from local.cli import main
from local.environment import Folders, Ports
from local.output import Progress
from local.seed import records, runs
from local.seed.records import Certificate, SeedError
from slowmatch.db.migration import migrations
from tests.support.ports import free_ports
from tests.support.stack_process import Stack, start

OVER = datetime(2020, 1, 1, tzinfo=UTC)
TO_COME = datetime(2040, 1, 1, tzinfo=UTC)
FOUND = [Certificate("CN=over", OVER), Certificate("CN=to come", TO_COME), Certificate("CN=over", TO_COME)]

# What refers to a run that is not there, and runs whose events do not end in their state.
ORPHANS = """
    SELECT
        (SELECT count(*) FROM job_attempt WHERE run_id NOT IN (SELECT id FROM job_run)),
        (SELECT count(*) FROM job_event WHERE run_id NOT IN (SELECT id FROM job_run)),
        (SELECT count(*) FROM job_run WHERE attempt <> (SELECT count(*) FROM job_attempt WHERE run_id = id)),
        (SELECT count(*) FROM job_run WHERE state <> (
            SELECT to_state FROM job_event WHERE run_id = job_run.id ORDER BY at DESC, job_event.id DESC LIMIT 1
        ))
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL as the stack has it, without tables."""
    started = start(tmp_path_factory.mktemp("seed") / "data", "services")
    try:
        yield started.ready()
    finally:
        started.stop()


@pytest.fixture
def con(services: Stack) -> Iterator[pg8000.native.Connection]:
    with records.connect(Ports(services.port), Folders(services.data)) as connection:
        connection.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        for migration in migrations():
            for part in migration.statements if migration.is_online else [migration.sql]:
                connection.run(part)
        yield connection


def seed(stack: Stack, *options: str) -> int:
    return main(["seed", "--port", str(stack.port), "--data", str(stack.data), *options])


def test_certificates_become_records_once(con: pg8000.native.Connection) -> None:
    assert records.is_empty(con)
    assert records.add_certificates(con, FOUND) == 3
    assert records.add_certificates(con, [*FOUND, Certificate("CN=new", OVER)]) == 1
    assert not records.is_empty(con)
    rows = con.run("SELECT title, expiry_date, is_expired FROM record ORDER BY id LIMIT 1")
    assert rows == [["CN=over", OVER, False]]


def test_certificates_and_synthetic_records_are_loaded(
    services: Stack, con: pg8000.native.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    real = len(records.bundled_certificates())
    assert seed(services, "--rows", "120000") == 0
    shown = capsys.readouterr().out
    assert f"{real} certificates of the CA bundle added" in shown
    assert "120,000 of 120,000 records" in shown
    assert f"{120_000 + real:,} records in total" in shown
    [[over, to_come, age, titles]] = con.run(
        """
        SELECT
            count(*) FILTER (WHERE expiry_date < now()),
            count(*) FILTER (WHERE expiry_date > now()),
            extract(day FROM now() - min(created_at)),
            count(DISTINCT title)
        FROM record
        """
    )
    assert over > 20_000 and to_come > 70_000 and titles > 50_000
    assert 360 <= age <= 366
    assert seed(services) == 0
    assert "0 certificates of the CA bundle added as records: all of them" in capsys.readouterr().out


def test_loaded_records_are_counted_in_the_hourly_figures(con: pg8000.native.Connection) -> None:
    records.add_certificates(con, FOUND)
    assert con.run("SELECT action, count, actor FROM record_event") == [["created", 3, "make seed"]]
    records.add_synthetic(con, 1000, Progress(1000, "records", io.StringIO()))
    [[created, expired]] = con.run("SELECT sum(created), sum(expired) FROM record_hour")
    assert 20 < created < 300 and expired > 0


def test_runs_are_loaded_with_attempts_events_and_figures(
    services: Stack, con: pg8000.native.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert seed(services, "--runs", "20000") == 0
    assert "20,000 of 20,000 runs" in capsys.readouterr().out
    states = dict(con.run("SELECT state, count(*) FROM job_run GROUP BY state"))
    assert sum(states.values()) == 40_000 and set(states) == {"succeeded", "failed", "deleted", "scheduled"}
    assert 0.97 < states["succeeded"] / 40_000 < 0.99 and 0.01 < states["failed"] / 40_000 < 0.02
    [[kinds]] = con.run("SELECT count(DISTINCT error_type) FROM job_hour_error")
    assert kinds == 5
    assert con.run("SELECT sum(succeeded) FROM job_hour") == [[states["succeeded"]]]
    assert con.run(ORPHANS) == [[0, 0, 0, 0]]


def test_loaded_runs_look_like_those_that_ran(con: pg8000.native.Connection) -> None:
    runs.add(con, 20_000, Progress(20_000, "runs", io.StringIO()))
    wrong = con.run("SELECT count(*) FROM job_run WHERE finished_at > now() OR created_at > started_at")
    disorder = con.run(
        """
        SELECT count(*) FROM (SELECT created_at < lag(created_at) OVER (ORDER BY id) AS is_back FROM job_run) AS run
        WHERE is_back
        """
    )
    assert wrong == disorder == [[0]]


@pytest.mark.parametrize("number", ["-1", "1e6", "1_000", "x", ""])
def test_a_wrong_number_of_rows_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["seed", f"--rows={number}"])
    assert f"argument --rows: {number!r} is not a whole number such as 1000000" in capsys.readouterr().err


def test_without_a_stack_it_says_what_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--port", str(free_ports()), "--data", str(tmp_path)]) == 2
    assert "start the stack first (make run)" in capsys.readouterr().err


def test_missing_tables_are_named(services: Stack, con: pg8000.native.Connection) -> None:
    con.run("DROP TABLE record")
    with (
        pytest.raises(SeedError, match="there are no tables yet"),
        records.connect(Ports(services.port), Folders(services.data)) as fresh,
    ):
        records.is_empty(fresh)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_postgresql_of_another_folder_is_not_touched(services: Stack, tmp_path: Path) -> None:
    """pg8000 leaves its socket to the garbage collector when it is refused."""
    with (
        pytest.raises(SeedError, match="does not belong to"),
        records.connect(Ports(services.port), Folders(tmp_path)),
    ):
        pass
    gc.collect()
