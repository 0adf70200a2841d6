"""The backing services of one `sam local` session, and the runs that sample events point to."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from slowmatch.db import connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.lifecycle import actions
from slowmatch.settings import settings
from tests.sam.template import ROOT
from tests.support.ports import free_ports

READY_SECONDS = 60
DESTINATIONS = [{"name": "ops", "kind": "slack", "url": "http://127.0.0.1:9/nobody-listens"}]
STOP_SECONDS = 20


@dataclass(frozen=True)
class Backing:
    """`environment` is the file for `sam local --env-vars`."""

    data: Path

    @property
    def environment(self) -> Path:
        return self.data / "sam-env.json"

    @property
    def mails(self) -> list[Path]:
        return list((self.data / "outbox").iterdir())

    def use_here(self) -> None:
        """Let this process read the same settings as the functions."""
        os.environ.update(json.loads(self.environment.read_text(encoding="utf-8"))["Parameters"])
        os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
        settings.cache_clear()
        connection.cache_clear()


@contextmanager
def services() -> Iterator[Backing]:
    # Not a folder of pytest's: those are closed to the user that PostgreSQL runs as when root starts it.
    with TemporaryDirectory(prefix="slowmatch-") as name:
        Path(name).chmod(0o755)
        with _serving(Path(name), free_ports()) as backing:
            yield backing


@contextmanager
def _serving(data: Path, port: int) -> Iterator[Backing]:
    backing = Backing(data)
    (data / "notify.json").write_text(json.dumps(DESTINATIONS), encoding="utf-8")
    command = [sys.executable, "-m", "local", "services", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not backing.environment.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"the services did not start:\n{process.communicate()[0]}")
            time.sleep(0.1)
        yield backing
    finally:
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)


def prepared_run(job: str, state: str) -> str:
    """The id of a run of `job` that waits (enqueued, scheduled) or is over (deleted)."""
    con = connection()
    due_at = con.now() + timedelta(hours=1) if state == "scheduled" else None
    run_id = enqueue(con, job, due_at=due_at).run_id
    if state == "deleted":
        actions.change(con, "delete", ids=[run_id], actor="tests")
    return run_id
