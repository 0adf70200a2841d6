"""The version before the newest migration, in use: the whole stack from a copy, with people at its API.

Today's code stands for that version: it works with and without what the newest migration adds, or breaks here.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.chaos.report import SEED
from tests.support.project_copy import copy_deployed
from tests.support.stack_process import Stack, until

CLIENTS = 4
MIGRATIONS = "layers/common/slowmatch/db/migrations"


def copy_without(folder: Path, migration: str) -> Path:
    """A copy of what is deployed, as it was before `migration`; returns its template."""
    template = copy_deployed(folder)
    (folder / MIGRATIONS / f"{migration}.sql").unlink()
    return template


@dataclass
class People:
    """What they asked for, what should be there because of it, and what was not answered as it should be."""

    stack: Stack
    titles: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    runs: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    longest: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as threads:
            work = [
                threads.submit(self._work, random.Random(f"{SEED} {number}")) for number in range(CLIENTS)
            ]
            try:
                self.go_on(600)  # until the functions have all the processes that these people need
                yield
                self.go_on()
            finally:
                self.over.set()
            for each in work:
                each.result()

    def go_on(self, answers: int = 50) -> None:
        """Return when that many more requests were answered."""
        enough = self.answers.total() + answers
        until(lambda: self.answers.total(), lambda answered: answered >= enough, 60)

    def _work(self, chance: random.Random) -> None:
        mine: list[int] = []
        while not self.over.is_set():
            number = self._create(chance)
            if number is not None:
                mine.append(number)
                self._change(number, chance)
                self._ask("GET", f"/api/records/{number}", 200)
            self._ask("GET", "/api/records?status=active&limit=20", 200)
            self._ask("GET", "/api/runs?limit=20", 200)
            if chance.random() < 0.3 and len(mine) > 5:
                self._delete(mine.pop(chance.randrange(len(mine))))
            if chance.random() < 0.1:
                self._run(chance)

    def _create(self, chance: random.Random) -> int | None:
        title = f"old {chance.getrandbits(64):x}"
        date = datetime.now(UTC) + timedelta(days=chance.randint(1, 500))
        record = self._ask("POST", "/api/records", 201, {"title": title, "expiry_date": date.isoformat()})
        if record is None:
            return None
        self.titles[record["id"]] = title
        return int(record["id"])

    def _change(self, number: int, chance: random.Random) -> None:
        title = f"changed {chance.getrandbits(64):x}"
        if self._ask("PATCH", f"/api/records/{number}", 200, {"title": title}) is not None:
            self.titles[number] = title

    def _delete(self, number: int) -> None:
        if self._ask("DELETE", f"/api/records/{number}", 204) is not None:
            del self.titles[number]
            self.gone.add(number)

    def _run(self, chance: random.Random) -> None:
        job, payload = chance.choice(
            [("record-expiry", {"batch_size": 100}), ("db-cleanup", {"dry_run": True})]
        )
        run = self._ask("POST", f"/api/jobs/{job}/runs", 202, {"payload": payload})
        if run is not None:
            self.runs.append(run["id"])

    def _ask(self, method: str, path: str, expected: int, body: Any = None) -> Any:
        """The answer, {} for one without a body, None for one that was not as expected."""
        began = time.monotonic()
        status, answer = self.stack.call(method, path, body)
        self.longest = max(self.longest, time.monotonic() - began)
        self.answers[method] += 1
        if status != expected:
            self.refused.append(f"{method} {path}: {status} {json.dumps(answer)}")
            return None
        return {} if answer is None else answer
