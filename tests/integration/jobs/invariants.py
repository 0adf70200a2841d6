"""What docs/architecture.md promises about runs, as checks of what PostgreSQL holds. By its headings:

The states of a run
    a state implies its attempt      one is open exactly while the run is processing (CHECKs say the rest)
    only documented transitions      every change of state is in the table, and has its event
    nothing is forgotten             events are only added, a final run stays as it is until somebody acts
Claim, finish, retry
    attempts count one by one        and a run is owned by one attempt, or by none
    failures have a limit            a run is not tried again after its last attempt
What is guaranteed
    at least once                    no run is lost, and all become final (`JobSystemMachine.teardown`)
    one at a time                    of an exclusive job one run is processing
    an occurrence has one run        and one that was delivered has it
    reports lie with their attempt   no log line of one attempt is found under another

What a single step has to do is checked where it is taken: in `WorkerRules`, `DispatcherRules`, `JobSystemMachine`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from slowmatch.db import Connection
from slowmatch.jobs.queries import runs as store

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
FINAL = {"succeeded", "failed", "deleted"}
WAITING = {"enqueued", "scheduled"}
HANDLER_END = {"handler_ended_at", "stop_noticed"}
"""What the worker of a stopped run notes about its handler."""


class Run(NamedTuple):
    """A row of job_run with what belongs to it."""

    id: str
    job: str
    state: str
    exclusive: bool
    attempt: int
    failures: int
    max_attempts: int
    due_at: datetime
    lease_until: datetime | None
    finished_at: datetime | None
    message_at: datetime | None
    occurrence: datetime | None
    row: dict[str, Any]
    open_attempts: list[int]
    outcomes: list[str | None]
    path: list[list[str | None]]

    def differs_from(self, other: "Run") -> set[str]:
        """The columns in which two looks at a run differ."""
        return {name for name, value in self.row.items() if other.row[name] != value}


Runs = dict[str, Run]

_RUNS = """
    SELECT id::text, job, state, exclusive, attempt, failures, max_attempts, due_at, lease_until, finished_at,
           message_at, occurrence, to_jsonb(run),
           ARRAY(SELECT number FROM job_attempt WHERE run_id = run.id AND finished_at IS NULL),
           ARRAY(SELECT outcome FROM job_attempt WHERE run_id = run.id ORDER BY number),
           COALESCE((SELECT jsonb_agg(jsonb_build_array(from_state, to_state) ORDER BY event.id)
                     FROM job_event AS event WHERE run_id = run.id), '[]')
    FROM job_run AS run
"""


def look(con: Connection) -> Runs:
    return {row[0]: Run(*row) for row in con.query(_RUNS)}


def allowed_transitions() -> set[tuple[str | None, str]]:
    """The table of transitions in docs/architecture.md; a run that was not there before comes from None."""
    _, table = ARCHITECTURE.read_text("utf-8").split("| from | to | when |\n|---|---|---|\n")
    allowed: set[tuple[str | None, str]] = set()
    for line in table.split("\n\n")[0].splitlines():
        before, after = (re.findall(r"`(\w+)`", cell) for cell in line.split("|")[1:3])
        allowed |= set(product(before or [None], after))
    return allowed


ALLOWED = allowed_transitions()


def check(con: Connection, before: Runs, runs: Runs) -> None:
    """All that holds at every moment, and from one moment to the next."""
    for run in runs.values():
        assert store.get(con, run.id).state == run.state
        check_state(run)
        check_path(run)
        if run.id in before:
            check_change(before[run.id], run)
    check_together(runs)
    assert runs.keys() >= before.keys(), "at least once: no run is lost"
    check_log(con)


def check_state(run: Run) -> None:
    assert run.open_attempts == ([run.attempt] if run.state == "processing" else [])
    assert len(run.outcomes) == run.attempt, "every attempt has its row"
    assert run.state != "scheduled" or run.failures < run.max_attempts


def check_path(run: Run) -> None:
    state: str | None = None
    for before, after in run.path:
        assert before == state and (before, after) in ALLOWED, f"{before} -> {after} in {run.path}"
        state = after
    assert state == run.state, "every transition has its event"


def check_change(before: Run, run: Run) -> None:
    assert run.attempt in (before.attempt, before.attempt + 1), "attempts count one by one"
    assert run.path[: len(before.path)] == before.path, "what happened stays"
    changed = run.differs_from(before) - HANDLER_END
    assert before.state not in FINAL or run.path != before.path or not changed, "final is final"


def check_together(runs: Mapping[str, Run]) -> None:
    at_work = Counter(run.job for run in runs.values() if run.exclusive and run.state == "processing")
    assert all(count == 1 for count in at_work.values()), "one at a time"
    occurrences = Counter((run.job, run.occurrence) for run in runs.values() if run.occurrence)
    assert all(count == 1 for count in occurrences.values()), "an occurrence has one run"


def signature(run_id: str, attempt: int) -> str:
    """What an attempt writes into its run's log."""
    return f"written by attempt {attempt} of {run_id}"


def check_log(con: Connection) -> None:
    ((strayed,),) = con.query(
        """
        SELECT count(*) FROM job_log
        WHERE message LIKE 'written by attempt %'
          AND message <> 'written by attempt ' || attempt || ' of ' || run_id
        """
    )
    assert not strayed, "reports lie with their attempt"
