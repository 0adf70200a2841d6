"""Five hundred runs while function processes are killed every second."""

import json
import random
import threading
from collections.abc import Callable
from typing import Any

from tests.support.stack_process import Stack, kill, until

RUNS = 500
OCCURRENCES = 20
JOBS = {"record-expiry": {"batch_size": 100}, "db-cleanup": {"dry_run": True}}
FUNCTIONS = [
    "RecordsApiFunction",
    "JobsApiFunction",
    "RecordExpiryFunction",
    "DbCleanupFunction",
    "DispatcherFunction",
]
FINAL = {"succeeded", "failed", "deleted"}


def insist(action: Callable[[], tuple[int, Any]]) -> Any:
    """Ask again while the function that answers is being killed, as a client does."""
    return until(action, lambda answer: answer[0] < 300, 60)[1]


def test_every_run_ends_whatever_is_killed(stack: Stack) -> None:
    send_every_occurrence_twice(stack)
    stopped = threading.Event()
    killed: list[int] = []
    thread = threading.Thread(target=kill_every_second, args=(stack, stopped, killed))
    thread.start()
    try:
        made = [trigger(stack, number) for number in range(RUNS)]
        until(lambda: settle(stack), lambda left: left <= RUNS // 2, 120)
    finally:
        stopped.set()
        thread.join()
    # A sender killed between commit and send: the dispatcher would send again after ten minutes; here it is asked to.
    stack.invoke("DispatcherFunction", {"payload": {"resend": True}})
    until(lambda: settle(stack), lambda left: left == 0, 120)

    runs = {run["id"]: run for run in all_runs(stack)}
    assert len(set(made)) == RUNS
    assert {runs[run_id]["state"] for run_id in made} == {"succeeded"}
    assert {run["state"] for run in runs.values()} <= FINAL
    occurrences = [
        run["occurrence"] for run in runs.values() if (run["occurrence"] or "").startswith("2026-10-01")
    ]
    assert len(occurrences) == len(set(occurrences)) == OCCURRENCES
    assert len(killed) >= 5
    for job in JOBS:
        until(lambda: stack.get("/api/health")["queues"]["depths"][job], is_empty, 60)  # noqa: B023


def send_every_occurrence_twice(stack: Stack) -> None:
    queue = stack.sqs().get_queue_url(QueueName="slowmatch-record-expiry")["QueueUrl"]
    for hour in range(OCCURRENCES):
        body = json.dumps({"job": "record-expiry", "occurrence": f"2026-10-01T{hour:02}:00:00Z"})
        for _ in range(2):
            stack.sqs().send_message(QueueUrl=queue, MessageBody=body)


def trigger(stack: Stack, number: int) -> str:
    """Run a job; the key makes asking again harmless."""
    job = list(JOBS)[number % len(JOBS)]
    path, key = f"/api/jobs/{job}/runs", f"crash-{number}"
    body = {"payload": JOBS[job]}
    return str(insist(lambda: stack.call("POST", path, body, idempotency_key=key))["id"])


def kill_every_second(stack: Stack, stopped: threading.Event, killed: list[int]) -> None:
    chance = random.Random(7)
    while not stopped.wait(1.0):
        pids = stack.processes(chance.choice(FUNCTIONS))
        if pids:
            kill(chance.choice(pids))
            killed.append(pids[0])


def settle(stack: Stack) -> int:
    """Do what the dispatcher does every five minutes, do not wait for retries, and count what is left."""
    stack.dispatch()
    insist(lambda: stack.call("POST", "/api/runs/run-now", {"filter": {"state": "scheduled"}}))
    states = insist(lambda: stack.call("GET", "/api/stats"))["states"]
    return int(states["enqueued"] + states["scheduled"] + states["processing"])


def all_runs(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = stack.get(f"/api/runs?limit=200{cursor}")
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def is_empty(depth: dict[str, int]) -> bool:
    return depth["visible"] == depth["in_flight"] == depth["dead"] == 0
