"""Makes runs in any state by writing them into the database, as if they had happened before the test."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pg8000.native

from tests.support.run_rows import insert, run_rows


@dataclass(frozen=True)
class RunFactory:
    """`con` is a connection to the stack's database."""

    con: pg8000.native.Connection

    def make(self, state: str, **given: Any) -> str:
        """Make a run in `state` and return its id. See `run_rows` for what can be given."""
        return self.make_many([{"state": state} | given])[0]

    def make_many(self, wanted: list[dict[str, Any]]) -> list[str]:
        made = [run_rows(**each) for each in wanted]
        insert(self.con.run, {table: [row for rows in made for row in rows[table]] for table in made[0]})
        return [rows["job_run"][0]["id"] for rows in made]

    def report_progress(self, run_id: str, progress: dict[str, Any], line: str) -> None:
        """Report progress and log a line, as the run's worker does."""
        self.con.run(
            "UPDATE job_run SET progress = CAST(:progress AS jsonb) WHERE id = CAST(:id AS uuid)",
            progress=json.dumps(progress),
            id=run_id,
        )
        row = {"run_id": run_id, "attempt": 1, "at": datetime.now(UTC), "level": "INFO", "message": line}
        insert(self.con.run, {"job_log": [row]})

    def add_missed_occurrence(self, job: str, ago: timedelta) -> None:
        """Add a scheduled occurrence that started no run."""
        at = datetime.now(UTC) - ago
        row = {"job": job, "occurrence": at, "noticed_at": datetime.now(UTC)}
        insert(self.con.run, {"job_missed": [row]})

    def make_skipped(self, job: str, reason: str) -> str:
        """Make a scheduled run that was skipped because its job was running."""
        run_id = self.make("deleted", job=job)
        self.con.run(
            "UPDATE job_event SET to_state = 'deleted', from_state = NULL, reason = :reason"
            " WHERE run_id = CAST(:id AS uuid)",
            reason=reason,
            id=run_id,
        )
        return run_id
