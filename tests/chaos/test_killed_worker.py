"""A worker is killed at each moment of a batch, and its messages come again: nothing is lost or finished twice."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from local.environment import DATABASE
from slowmatch.db import Connection
from slowmatch.jobs import enqueue_many
from slowmatch.jobs.dispatcher import rescuer
from tests.chaos.database import CRASH, Database
from tests.chaos.killed_worker import JOB, MOMENTS
from tests.integration.jobs import invariants


@pytest.fixture
def con(durable: Connection) -> Connection:
    durable.script("CREATE TABLE IF NOT EXISTS execution (run_id uuid NOT NULL)")
    return durable


def work(server: Database, moment: str, messages: list[dict[str, Any]]) -> subprocess.CompletedProcess[bytes]:
    records = [{"messageId": str(number), "body": json.dumps(each)} for number, each in enumerate(messages)]
    database = {"DB_PORT": str(server.port), "DB_NAME": DATABASE, "DB_PASSWORD": server._password}
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos.killed_worker", moment],
        input=json.dumps({"Records": records}).encode(),
        stdout=subprocess.PIPE,
        env=os.environ | database | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("crashes", [False, True], ids=["PostgreSQL goes on", "PostgreSQL crashes"])
@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if moment != "never"])
def test_a_killed_batch_is_finished_once_and_whole(
    server: Database, con: Connection, moment: str, crashes: bool
) -> None:
    first = [{"run_id": made.run_id, "attempt": 1} for made in enqueue_many(con, JOB, [{}] * 5)]
    assert work(server, moment, first).returncode == -signal.SIGKILL
    if crashes:
        server.stop(CRASH)
        server.start()
    succeeded = [run_id for (run_id,) in con.query("SELECT id::text FROM job_run WHERE state = 'succeeded'")]
    assert len(succeeded) == MOMENTS[moment]

    con.query("UPDATE job_run SET lease_until = created_at - interval '1 hour' WHERE state = 'processing'")
    lost = rescuer.rescue(con, con.now())
    assert lost == (0 if moment == "before the claim" else 5 - len(succeeded))
    again = [*first, *({**message, "attempt": 2} for message in first)]
    answer = work(server, "never", again).stdout.splitlines()[-1]
    assert json.loads(answer) == {"batchItemFailures": []}

    runs = invariants.look(con)
    for run in runs.values():
        invariants.check_state(run)
        invariants.check_path(run)
        assert (run.state, run.failures, run.outcomes.count("succeeded")) == ("succeeded", 0, 1)
    executions = Counter(run_id for (run_id,) in con.query("SELECT run_id::text FROM execution"))
    assert executions.keys() == runs.keys() and {executions[run_id] for run_id in succeeded} <= {1}
