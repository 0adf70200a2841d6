"""The promises of docs/architecture.md, tried against whatever order of things Hypothesis can think of.

Two workers, the dispatcher, people and a queue that loses, repeats and reorders its messages act on a real
PostgreSQL, one step at a time; each step is one or more statements of the real code. After every step all
that holds "at every moment" is checked, and at the end everything has to come to its end.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from slowmatch.db import Connection
from slowmatch.jobs import Continue, Permanent, dispatch, enqueue, overview, queue, store
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.claims import EARLY
from slowmatch.jobs.messages import EventError
from slowmatch.jobs.runtime import AttemptFailed
from tests.conftest import EMPTY
from tests.integration.jobs.interleaved import Clock, Invocation, Message, Post

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
START = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
FINAL = {"succeeded", "failed", "deleted"}
SPECS = {
    spec.name: spec
    for spec in (
        dataclasses.replace(JOBS["record-expiry"], max_attempts=2),
        dataclasses.replace(JOBS["db-cleanup"], max_attempts=3, overlap="wait"),
        dataclasses.replace(JOBS["mail-test"], max_attempts=2),
    )
}
"""An exclusive job that skips ticks, one that lets them wait, and one that is not exclusive."""


def fail() -> None:
    raise RuntimeError("the disk is full")


def refuse() -> None:
    raise Permanent("the recipient is unknown")


ENDINGS: dict[str, Callable[[], Any]] = {
    "returns": lambda: {"done": 1},
    "continues": lambda: Continue({"part": 2}),
    "raises": fail,
    "refuses": refuse,
    "returns what JSON cannot hold": lambda: float("nan"),
}

some_job = st.sampled_from(sorted(SPECS))
some_order = st.sampled_from([*ENDINGS, "checkpoint", "crash"])
one_of_many = st.integers(0, 9)
some_time = st.sampled_from(
    [timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=6), timedelta(hours=1)]
)


def allowed_transitions() -> set[tuple[str | None, str]]:
    """The table of transitions in docs/architecture.md; a run that was not there before comes from None."""
    _, table = ARCHITECTURE.read_text("utf-8").split("| from | to | when |\n|---|---|---|\n")
    allowed: set[tuple[str | None, str]] = set()
    for line in table.split("\n\n")[0].splitlines():
        before, after = (re.findall(r"`(\w+)`", cell) for cell in line.split("|")[1:3])
        allowed |= set(product(before or [None], after))
    return allowed


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
    occurrence: datetime | None
    row: dict[str, Any]
    open_attempts: list[int]
    path: list[list[str | None]]


_RUNS = """
    SELECT id::text, job, state, exclusive, attempt, failures, max_attempts, due_at, lease_until, finished_at,
           occurrence, to_jsonb(run),
           ARRAY(SELECT number FROM job_attempt WHERE run_id = run.id AND finished_at IS NULL),
           COALESCE((SELECT jsonb_agg(jsonb_build_array(from_state, to_state) ORDER BY event.id)
                     FROM job_event AS event WHERE run_id = run.id), '[]')
    FROM job_run AS run
"""


class House(RuleBasedStateMachine):
    """Slowmatch's jobs, with everybody who acts on them."""

    def __init__(self, con: Connection, clock: Clock, post: Post, lambda_context: Any) -> None:
        super().__init__()
        self.con, self.clock, self.post, self.lambda_context = con, clock, post, lambda_context
        clock.at, post.refuses = START, False
        post.messages.clear()
        con.script(EMPTY)
        self.workers: list[Invocation | None] = [None, None]
        self.known: list[str] = []
        self.keys: dict[str, str] = {}
        self.answered: set[tuple[str, datetime]] = set()
        self.before: dict[str, Run] = {}
        self.allowed = allowed_transitions()

    # People and code put work in

    @rule(job=some_job, delay=st.sampled_from([timedelta(0), timedelta(minutes=5), timedelta(hours=2)]))
    def enqueue(self, job: str, delay: timedelta) -> None:
        assert enqueue(self.con, job, due_at=self.clock.at + delay).created

    @rule(job=some_job)
    def enqueue_with_an_idempotency_key(self, job: str) -> None:
        made = enqueue(self.con, job, idempotency_key="monday", request_digest="the same")
        assert made.created is (job not in self.keys)
        assert self.keys.setdefault(job, made.run_id) == made.run_id

    @rule(job=st.sampled_from(["db-cleanup", "record-expiry"]), hour=st.integers(1, 2))
    def tick(self, job: str, hour: int) -> None:
        self.post.put(job, {"job": job, "occurrence": f"2026-11-24T0{hour}:00:00Z"})

    @rule(job=some_job)
    def pause_or_resume(self, job: str) -> None:
        if self.con.query("SELECT 1 FROM job WHERE name = :job AND paused_at IS NOT NULL", job=job):
            overview.resume(self.con, job, "ann", self.con.now())
        else:
            overview.pause(self.con, job, "ann", None, self.con.now())

    @precondition(lambda self: self.known)
    @rule(action=st.sampled_from(["requeue", "run-now", "delete"]), which=one_of_many)
    def change(self, action: str, which: int) -> None:
        run = self.before[self.known[which % len(self.known)]]
        done = store.change(self.con, action, ids=[run.id], actor="ann")
        assert done.ids == ([run.id] if run.state in store.ELIGIBLE[action] else [])

    # The queue brings, repeats, reorders and loses messages; some come long before their time

    @precondition(lambda self: self.post.messages)
    @rule(which=one_of_many)
    def lose(self, which: int) -> None:
        del self.post.messages[which % len(self.post.messages)]

    @rule()
    def queue_begins_or_ceases_to_refuse(self) -> None:
        self.post.refuses = not self.post.refuses

    @precondition(lambda self: None in self.workers)
    @rule(job=some_job, which=st.none() | one_of_many)
    def invoke_by_hand(self, job: str, which: int | None) -> None:
        """A new run, or one that is there."""
        event: dict[str, Any] = {}
        if which is not None and self.known:
            run = self.before[self.known[which % len(self.known)]]
            job, event = run.job, {"run_id": run.id}
        self.occupy(job, event)

    # Workers: an attempt is halted after its claim and goes on in a later step, or never

    @rule(which=one_of_many, again=st.booleans(), order=some_order)
    def first_worker(self, which: int, again: bool, order: str) -> None:
        self.work(0, which, again, order)

    @rule(which=one_of_many, again=st.booleans(), order=some_order)
    def second_worker(self, which: int, again: bool, order: str) -> None:
        self.work(1, which, again, order)

    def work(self, worker: int, which: int, again: bool, order: str) -> None:
        """A free worker is brought a message, which may come again; another one goes on with its attempt."""
        invocation = self.workers[worker]
        if invocation is not None:
            self.go_on(invocation, order)
        elif self.post.messages:
            message = self.post.messages[which % len(self.post.messages)]
            if not again:
                self.post.messages.remove(message)
            self.bring(message)

    def go_on(self, invocation: Invocation, order: str) -> None:
        if order == "checkpoint":
            self.checkpoint(invocation)
        elif order == "crash":
            self.crash(invocation)
        else:
            self.finish(invocation, order)

    def checkpoint(self, invocation: Invocation) -> None:
        mine = self.is_owner(invocation)
        invocation.report()
        assert (invocation.context is not None) is mine, "a handler hears of it when its run is taken away"
        self.release(invocation)

    def crash(self, invocation: Invocation) -> None:
        invocation.crash()
        self.workers[self.workers.index(invocation)] = None
        assert self.runs() == self.before

    def finish(self, invocation: Invocation, ending: str) -> None:
        context, mine = invocation.context, self.is_owner(invocation)
        assert context is not None
        invocation.finish(ENDINGS[ending])
        assert invocation.context is None
        self.release(invocation)
        after = self.runs()
        if mine:
            assert after[context.run_id].state == self.expected(ending, self.before[context.run_id])
        else:
            assert after == self.before, "an attempt whose run went on without it changes nothing"

    # Time passes, and the dispatcher looks after what was lost

    @rule(span=some_time)
    def time_passes(self, span: timedelta) -> None:
        self.clock.at += span

    @rule(waited=st.sampled_from([timedelta(minutes=6), timedelta(0)]), resend_all=st.booleans())
    def dispatcher(self, waited: timedelta, resend_all: bool = False) -> None:
        """After six minutes every lease is over, whether its worker died or is only slow."""
        self.clock.at += waited
        now = self.con.now()
        dispatch.rescue_lost(self.con, now)
        dispatch.send_due(self.con, now, resend_all=resend_all)

    @precondition(lambda self: self.workers.count(None) == 1)
    @rule()
    def slow_worker_is_overtaken(self) -> None:
        """Its lease ends, and the other worker is brought the next attempt while it is still at work."""
        (slow,) = filter(None, self.workers)
        assert slow.context is not None
        self.dispatcher(timedelta(minutes=6))
        self.clock.at += timedelta(minutes=1)
        for message in [
            each for each in self.post.messages if each.body.get("run_id") == slow.context.run_id
        ][-1:]:
            self.bring(message)

    # What holds after every step

    @invariant()
    def promises_hold(self) -> None:
        runs = self.runs()
        for run in runs.values():
            self.check(run)
            if run.id in self.before:
                self.check_change(self.before[run.id], run)
        processing = Counter(run.job for run in runs.values() if run.exclusive and run.state == "processing")
        assert all(count == 1 for count in processing.values()), "an exclusive job has one run at work"
        ticks = Counter((run.job, run.occurrence) for run in runs.values() if run.occurrence)
        assert all(count == 1 for count in ticks.values()), "a tick has one run"
        assert ticks.keys() >= self.answered, "a tick that was delivered has its run"
        assert runs.keys() >= self.before.keys(), "no run is lost"
        self.known += sorted(runs.keys() - self.before.keys())
        self.before = runs

    def check(self, run: Run) -> None:
        assert store.get(self.con, run.id)["state"] == run.state
        assert (run.finished_at is not None) is (run.state in FINAL)
        assert (run.lease_until is not None) is (run.state == "processing")
        assert run.open_attempts == ([run.attempt] if run.state == "processing" else [])
        assert run.failures <= run.max_attempts
        assert run.state != "scheduled" or run.failures < run.max_attempts
        state: str | None = None
        for before, after in run.path:
            assert before == state and (before, after) in self.allowed, f"{before} -> {after} in {run.path}"
            state = after
        assert state == run.state, "every transition has its event"

    def check_change(self, before: Run, run: Run) -> None:
        assert run.attempt in (before.attempt, before.attempt + 1), "attempts are counted one by one"
        assert run.path[: len(before.path)] == before.path, "what happened stays"
        assert before.state not in FINAL or run.path != before.path or run.row == before.row, "final is final"

    # At the end: with a worker that does its work, everything comes to its end

    def teardown(self) -> None:
        for invocation in filter(None, self.workers):
            invocation.crash()
        self.workers = [None, None]
        self.post.refuses = False
        for _ in range(40):
            if all(run.state in FINAL for run in self.runs().values()):
                break
            self.dispatcher(timedelta(minutes=10))
            self.work_on_what_is_visible()
        self.promises_hold()
        assert {run.state for run in self.before.values()} <= FINAL, "everything becomes final"
        self.messages_left_start_nothing()

    def work_on_what_is_visible(self) -> None:
        while visible := [each for each in self.post.messages if each.visible_at <= self.clock.at]:
            self.post.messages.remove(visible[0])
            self.bring(visible[0])
            for invocation in filter(None, self.workers):
                invocation.finish(ENDINGS["returns"])
                self.release(invocation)

    def messages_left_start_nothing(self) -> None:
        for message in self.post.messages:
            if "run_id" in message.body:
                self.bring(message)
        assert self.runs() == self.before, "the queue knows of no work that PostgreSQL does not"

    # How it is done

    def runs(self) -> dict[str, Run]:
        return {row[0]: Run(*row) for row in self.con.query(_RUNS)}

    def bring(self, message: Message) -> None:
        """Hand a message to a worker that is free."""
        run = self.runs().get(message.body.get("run_id", ""))
        now = self.clock.at
        invocation = self.occupy(message.job, {"Records": [{"messageId": "1", "body": message.text}]})
        if run is None:
            self.answered.add((message.job, datetime.fromisoformat(message.body["occurrence"])))
        elif invocation.context is not None:
            assert run.state in ("enqueued", "scheduled"), "what is final or at work is not started"
            assert run.attempt + 1 == message.body["attempt"], "a stale message starts nothing"
            assert run.due_at <= now + EARLY + timedelta(seconds=1), "an early message starts nothing"

    def occupy(self, job: str, event: Any) -> Invocation:
        invocation = Invocation(self.con, SPECS[job], event, self.lambda_context)
        free = self.workers.index(None)
        self.workers[free] = invocation
        self.release(invocation)
        return invocation

    def release(self, invocation: Invocation) -> None:
        """When an invocation is over, see that it went well, and that its worker is free."""
        if invocation.context is not None:
            return
        self.workers[self.workers.index(invocation)] = None
        if not isinstance(invocation.error, AttemptFailed | EventError | None):
            raise invocation.error
        assert (
            "batchItemFailures" not in (invocation.answer or ()) or not invocation.answer["batchItemFailures"]
        )

    def is_owner(self, invocation: Invocation) -> bool:
        assert invocation.context is not None
        run = self.before[invocation.context.run_id]
        return run.state == "processing" and run.attempt == invocation.context.attempt

    @staticmethod
    def expected(ending: str, run: Run) -> str:
        if ending in ("returns", "continues", "refuses"):
            return {"returns": "succeeded", "continues": "enqueued", "refuses": "failed"}[ending]
        return "failed" if run.failures + 1 == run.max_attempts else "scheduled"


def test_what_is_promised_holds_in_any_order_of_things(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(START)
    post = Post(clock)
    monkeypatch.setattr(Connection, "now", lambda con: clock.look())
    monkeypatch.setattr(queue, "sqs", lambda: post)
    for name, spec in SPECS.items():
        monkeypatch.setitem(JOBS, name, spec)
    calm = settings(
        max_examples=120,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )

    def house() -> House:
        return House(con, clock, post, lambda_context)

    run_state_machine_as_test(house, settings=calm)  # type: ignore[arg-type]


def test_the_documented_transitions_are_read() -> None:
    assert {(None, "processing"), ("scheduled", "processing"), ("failed", "deleted")} < allowed_transitions()
    assert ("deleted", "processing") not in allowed_transitions()
