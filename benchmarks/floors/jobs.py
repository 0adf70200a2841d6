"""The floor under the bookkeeping of runs: bare statements, each a durable commit, on a bare connection."""

import uuid

from benchmarks.floors.bare import connect
from benchmarks.peers.protocol import seconds, serve

_CON = connect()


def install() -> None:
    _CON.run("CREATE TABLE counter (runs bigint NOT NULL)")
    _CON.run("INSERT INTO counter VALUES (0)")
    _CON.run("CREATE TABLE waiting (id uuid PRIMARY KEY, job text NOT NULL, due_at timestamptz NOT NULL)")


def work(times: int, commits: int) -> float:
    """So many updates of the only row for each run."""
    step = _CON.prepare("UPDATE counter SET runs = runs + CAST(:one AS integer)")
    return seconds(lambda: step.run(one=1), times * commits)


def enqueue(times: int) -> float:
    """A row for each run, and a queue that costs nothing."""
    insert = _CON.prepare("INSERT INTO waiting VALUES (CAST(:id AS uuid), :job, now())")
    return seconds(lambda: insert.run(id=str(uuid.uuid4()), job="noop"), times)


if __name__ == "__main__":
    serve({"install": install, "work": work, "enqueue": enqueue})
