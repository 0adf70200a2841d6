"""`python -m benchmarks.retention [RUNS_A_DAY]`: whether the purge keeps up with the runs, and tables stay flat.

A week of a hundredth of ten million runs a day, by the statements of the workers and the dispatcher, in a few minutes:
each simulated hour is worked off while the runs of an hour two days before are purged, four days if they failed.
Autovacuum has its usual thresholds, but looks each second instead of each minute.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from benchmarks.harness.bench import Bench, Database
from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.definition import Job
from slowmatch.jobs.dispatcher import retention
from slowmatch.jobs.lifecycle.claim import Lease, claim_batch
from slowmatch.jobs.lifecycle.create import NewRun, create_runs
from slowmatch.jobs.lifecycle.finish import EndedAttempt, finish
from slowmatch.jobs.lifecycle.reports import Reports
from slowmatch.jobs.model import AttemptResult
from slowmatch.settings import Settings

DAYS = 9
FULL_SIZE = 10_000_000
BATCH = 100
FAILS = 200
"""One run of so many fails for good."""
JOB = Job("noop", "Does nothing.", max_running=None)
SUCCEEDED = AttemptResult(outcome="succeeded", state="succeeded", reason="the handler returned", failures=0)
FAILED = AttemptResult(
    outcome="failed",
    state="failed",
    reason="attempt 1 of 1",
    failures=1,
    error_type="OSError",
    error_message="x",
)
EAGER = """
    ALTER SYSTEM SET autovacuum_naptime = 1;
    ALTER SYSTEM SET autovacuum_vacuum_cost_delay = 0;
    SELECT pg_reload_conf();
"""
TABLES = ("job_run", "job_attempt", "job_event", "job_log")
SIZES = """
    SELECT relname, pg_table_size(relid), pg_indexes_size(relid), n_live_tup, n_dead_tup
    FROM pg_stat_user_tables
    WHERE relname = ANY(CAST(:tables AS text[]))
    ORDER BY array_position(CAST(:tables AS text[]), relname::text)
"""


@dataclass
class Watched:
    """A connection, and the seconds that its statements took."""

    con: Connection
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        query = self.con.query

        def timed(sql: str, **values: Any) -> list[list[Any]]:
            began = perf_counter()
            try:
                return query(sql, **values)
            finally:
                self.seconds.append(perf_counter() - began)

        self.con.query = timed  # type: ignore[method-assign]

    def longest(self) -> float:
        """The longest statement since this was last asked."""
        longest, self.seconds = max(self.seconds, default=0.0), []
        return longest


def main(runs_a_day: int) -> None:
    JOBS[JOB.name] = JOB
    with Bench() as bench:
        database = bench.database()
        os.environ.update(database.env)
        with closing(database.connect()) as con:
            for statement in EAGER.strip().split(";")[:3]:
                con.run(statement)
        config = replace(Settings.from_env(database.env), run_retention_days=2, failed_run_retention_days=4)
        with _watched(config) as worker, _watched(config) as dispatcher, ThreadPoolExecutor(1) as pool:
            start = datetime.now(UTC) - timedelta(days=DAYS)
            for day in range(DAYS):
                purged = seconds = 0.0
                for hour in range(24):
                    now = start + timedelta(days=day, hours=hour)
                    working = pool.submit(work, worker.con, now, runs_a_day // 24)
                    began = perf_counter()
                    purged += retention.purge_runs(dispatcher.con, now, settings=config)
                    seconds += perf_counter() - began
                    working.result()
                _print(database, day, runs_a_day, purged, seconds, dispatcher.longest(), worker.longest())


@contextmanager
def _watched(config: Settings) -> Iterator[Watched]:
    with closing(Connection(config)) as con:
        yield Watched(con)


def work(con: Connection, hour: datetime, runs: int) -> None:
    """Create, claim and finish so many runs, spread over the hour."""
    for number in range(0, runs, BATCH):
        at = hour + timedelta(hours=number / runs)
        ids = create_runs(
            con,
            JOB,
            "enqueued",
            [NewRun({"customer": number + each, "kind": "reminder"}) for each in range(BATCH)],
            now=at,
            trigger="api",
            actor="code",
            reason="created by api",
            message_at=at,
        )
        lease = Lease(worker="worker", request_id="request", since=at, until=at + timedelta(minutes=3))
        line = {"at": at.isoformat(), "level": "INFO", "message": "a reminder was sent to the customer"}
        claimed = claim_batch(con, JOB.name, dict.fromkeys(ids, 1), lease=lease)
        ended = [
            EndedAttempt(
                leased=each,
                result=FAILED if (number + place) % FAILS == 0 else SUCCEEDED,
                at=at,
                started_at=at,
                reports=Reports(lines=[line]),
            )
            for place, each in enumerate(claimed)
        ]
        assert len(finish(con, ended).run_ids) == BATCH


def _print(
    database: Database,
    day: int,
    runs_a_day: int,
    purged: float,
    seconds: float,
    longest_purge: float,
    longest_work: float,
) -> None:
    needed = FULL_SIZE / 86_400
    with closing(database.connect()) as con:
        sizes = con.run(SIZES, tables=list(TABLES))
    print(
        f"day {day + 1}: purged {purged:,.0f} of {runs_a_day:,} runs, {purged / seconds:,.0f} a second"
        f" ({needed:.0f} are needed for {FULL_SIZE:,} a day); the longest statement: purge {longest_purge:.2f} s,"
        f" worker {longest_work:.2f} s"
    )
    for name, table, indexes, live, dead in sizes:
        print(
            f"    {name:12} {table / 1e6:7.1f} MB, indexes {indexes / 1e6:7.1f} MB, {live:9,} rows, {dead:8,} dead",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FULL_SIZE // 100)
