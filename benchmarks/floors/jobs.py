"""The floor of bookkeeping and enqueueing: bare statements with durable commits on a bare connection."""

import uuid

from benchmarks.floors.bare import connect
from benchmarks.peers.protocol import seconds, serve

_CON = connect()


def install() -> None:
    _CON.run("CREATE TABLE counter (runs bigint NOT NULL)")
    _CON.run("INSERT INTO counter VALUES (0)")
    _CON.run("CREATE TABLE waiting (id uuid PRIMARY KEY, job text NOT NULL, due_at timestamptz NOT NULL)")


def work(times: int, commits: int) -> float:
    """Update one row `commits` times for each run."""
    step = _CON.prepare("UPDATE counter SET runs = runs + CAST(:one AS integer)")
    return seconds(lambda: step.run(one=1), times * commits)


def enqueue(times: int) -> float:
    """Insert a row for each run, without a queue."""
    insert = _CON.prepare("INSERT INTO waiting VALUES (CAST(:id AS uuid), :job, now())")
    return seconds(lambda: insert.run(id=str(uuid.uuid4()), job="noop"), times)


if __name__ == "__main__":
    serve({"install": install, "work": work, "enqueue": enqueue})
