"""Clients that ask without a pause, and what is seen of the stack meanwhile."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.database_client import DatabaseClient
from tests.support.stack_process import Stack

REQUESTS = {
    "GET a record": 30,
    "GET a page of records": 20,
    "POST a record": 15,
    "PATCH a record": 15,
    "POST a run": 10,
    "GET the dashboard": 5,
    "GET runs": 5,
}
"""How often each is made, of a hundred."""
CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND application_name <> 'tests'
"""


@dataclass
class Sample:
    """At one moment: connections to the database, and kilobytes by the process of a function."""

    connections: int
    memory: dict[int, int]


@dataclass
class Load:
    stack: Stack
    database: DatabaseClient
    seed: str
    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in REQUESTS})
    errors: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    def run(self, clients: int, seconds: float) -> None:
        over = threading.Event()
        with ThreadPoolExecutor(clients + 1) as pool:
            work = [pool.submit(self._client, number, over) for number in range(clients)]
            work.append(pool.submit(self._watch, over))
            over.wait(seconds)
            over.set()
            for each in work:
                each.result()

    def _client(self, number: int, over: threading.Event) -> None:
        chance = random.Random(f"{self.seed} {number}")
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=60)
        mine: list[int] = []
        while not over.is_set():
            name = chance.choices(list(REQUESTS), list(REQUESTS.values()))[0] if mine else "POST a record"
            began = time.perf_counter()
            try:
                answer = _ask(connection, *_request(name, chance, mine))
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.errors[f"{name}: {error!r}"] += 1
                connection.close()
                continue
            self.seconds[name].append(time.perf_counter() - began)
            if name == "POST a record":
                mine.append(json.loads(answer)["id"])
        connection.close()

    def _watch(self, over: threading.Event) -> None:
        self.samples.append(self._sample())
        while not over.wait(1):
            self.samples.append(self._sample())

    def _sample(self) -> Sample:
        functions = self.stack.get("/local/state")["functions"]
        pids = [process["pid"] for function in functions for process in function["processes"]]
        memory = {pid: kilobytes for pid in pids if (kilobytes := _memory(pid))}
        return Sample(self.database.value(CONNECTIONS), memory)


def _request(name: str, chance: random.Random, mine: list[int]) -> tuple[str, str, Any]:
    match name:
        case "GET a record":
            return "GET", f"/api/records/{chance.choice(mine)}", None
        case "GET a page of records":
            return "GET", "/api/records?limit=50", None
        case "POST a record":
            return "POST", "/api/records", {"title": "load", "expiry_date": "2030-01-01T00:00:00Z"}
        case "PATCH a record":
            return "PATCH", f"/api/records/{chance.choice(mine)}", {"title": f"load {chance.random()}"}
        case "POST a run":
            return (
                "POST",
                "/api/jobs/marker/runs",
                {"payload": {"number": chance.randrange(10**6) // 20 * 20}},
            )
        case "GET the dashboard":
            return "GET", "/dashboard", None
        case _:
            return "GET", "/api/runs?limit=50", None


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any) -> bytes:
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"content-type": "application/json"} if data else {})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status < 300, f"{answer.status} {text[:200]!r}"
    return text


def _memory(pid: int) -> int:
    """Resident kilobytes; 0 when the process has ended, or where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return int(next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")), 0))
