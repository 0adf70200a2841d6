"""Five hundred runs while function processes are killed every second."""

import json
import threading
from typing import Any

from tests.stack.conftest import Stack, kill, until

RUNS = 500
TICKS = 20
FINAL = {"succeeded", "failed", "deleted"}


def counts(stack: Stack) -> dict[str, int]:
    return dict(stack.get("/api/stats")["states"])


def waiting(stack: Stack) -> int:
    states = counts(stack)
    return states["enqueued"] + states["scheduled"] + states["processing"]


def all_runs(stack: Stack, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = stack.get(f"/api/runs?limit=200{query}{cursor}")
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def test_every_run_ends_whatever_is_killed(stack: Stack) -> None:
    queue = stack.sqs().get_queue_url(QueueName="slowmatch-record-expiry")["QueueUrl"]
    for hour in range(TICKS):
        body = json.dumps({"job": "record-expiry", "occurrence": f"2026-10-01T{hour:02}:00:00Z"})
        for _ in range(2):
            stack.sqs().send_message(QueueUrl=queue, MessageBody=body)
    stopped = threading.Event()
    killed: list[int] = []

    def killer() -> None:
        while not stopped.wait(1.0):
            for pid in stack.processes("RecordExpiryFunction")[:1]:
                kill(pid)
                killed.append(pid)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        ids = [stack.trigger("record-expiry", payload={"batch_size": 100})["id"] for _ in range(RUNS)]
        until(lambda: _settle(stack), lambda left: left <= RUNS // 20, 120)
    finally:
        stopped.set()
        thread.join()
    until(lambda: _settle(stack), lambda left: left == 0, 120)

    runs = {run["id"]: run for run in all_runs(stack, "&job=record-expiry")}
    assert {runs[run_id]["state"] for run_id in ids} == {"succeeded"}
    ticks = [run["occurrence"] for run in runs.values() if (run["occurrence"] or "").startswith("2026-10-01")]
    assert len(ticks) == len(set(ticks)) == TICKS
    assert all(run["state"] in FINAL for run in runs.values())
    assert len(killed) >= 5
    health = until(lambda: stack.get("/api/health")["queues"]["depths"]["record-expiry"], _is_empty, 120)
    assert health["dead"] == 0


def _is_empty(depth: dict[str, int]) -> bool:
    return depth["visible"] == depth["in_flight"] == 0


def _settle(stack: Stack) -> int:
    """Do what the dispatcher does every five minutes, do not wait for retries, and count what is left."""
    stack.dispatch()
    stack.call("POST", "/api/runs/run-now", {"filter": {"state": "scheduled"}})
    return waiting(stack)
