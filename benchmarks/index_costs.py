"""`python -m benchmarks.index_costs [ROUNDS]`: what each index costs a run that is created, claimed and finished.

Each index is dropped in a database of its own, and its cost is what the statements then take less of PostgreSQL's
processor time, in batches of a hundred. The two databases with all indexes show how exact that is.
"""

import os
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.harness.bench import Bench
from benchmarks.retention import JOB, work
from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.settings import Settings

RUNS_BEFORE, RUNS, ROUNDS = 50_000, 2_000, 15
INDEXES = """
    SELECT indexrelid::regclass::text
    FROM pg_index
    WHERE indrelid IN ('job_run'::regclass, 'job_attempt'::regclass, 'job_event'::regclass, 'job_log'::regclass)
      AND NOT indisprimary
    ORDER BY 1
"""


def main(rounds: int) -> None:
    start = datetime.now(UTC) - timedelta(days=1)
    JOBS[JOB.name] = JOB
    with Bench() as bench, ExitStack() as stack:
        full = bench.database()
        os.environ.update(full.env)
        with closing(Connection(Settings.from_env(full.env))) as con:
            work(con, start, RUNS_BEFORE)
            con.script("ANALYZE")
            dropped = {name: f"DROP INDEX {name}" for (name,) in con.query(INDEXES)}
        measured = {}
        for name, sql in {"none": "", "none again": "", **dropped}.items():
            con = stack.enter_context(closing(Connection(Settings.from_env(bench.copy(full).env))))
            con.script(sql)
            work(con, start, RUNS)
            measured[name] = con
        took: dict[str, list[float]] = {name: [] for name in measured}
        for number in range(rounds):
            for name, con in measured.items():
                before = _processor_us(con)
                work(con, start + timedelta(hours=number), RUNS)
                took[name].append((_processor_us(con) - before) / RUNS)
        whole = median(took["none"] + took["none again"])
        print(f"a run takes {whole:.0f} us of PostgreSQL's processor time; of that")
        for name, each in took.items():
            print(f"    {name:28} {whole - median(each):6.1f} us")


def _processor_us(con: Connection) -> float:
    """Of the server process that answers, since it started."""
    ((pid,),) = con.query("SELECT pg_backend_pid()")
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
