"""Slowmatch's jobs with everybody who acts on them, in whatever order of things Hypothesis can think of.

Two workers, the dispatcher, people and a queue that loses, repeats and reorders its messages act on a real
PostgreSQL, one step at a time; each step is one or more statements of the real code. After every step what
invariants.py lists is checked, and at the end everything has to come to its end.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, run_state_machine_as_test

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.jobs import JOBS, enqueue
from slowmatch.jobs.lifecycle import actions, pause
from slowmatch.jobs.lifecycle.pause import describe_pause
from slowmatch.jobs.worker import result_writer
from tests.integration.jobs import invariants
from tests.integration.jobs.dispatcher_rules import DispatcherRules, step, taken
from tests.integration.jobs.invariants import FINAL, Run
from tests.integration.jobs.stepped_worker import Clock, FakeSqs, Message
from tests.integration.jobs.worker_rules import RESULTS, SPECS
from tests.support.empty_database import EMPTY

START = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)

some_job = st.sampled_from(sorted(SPECS))
some_order = st.sampled_from([*RESULTS, "checkpoint", "crash"])
one_of_many = st.integers(0, 9)
some_delay = st.sampled_from([timedelta(0), timedelta(minutes=5), timedelta(hours=2)])
some_time = st.sampled_from(
    [timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=6), timedelta(hours=1)]
)


class RolledBack(Exception):
    """Ends a transaction that must leave nothing behind."""


class JobSystemMachine(DispatcherRules):
    def __init__(self, con: Connection, clock: Clock, sqs: FakeSqs, lambda_context: Any) -> None:
        super().__init__(con, clock, sqs, lambda_context)
        taken["examples"] += 1
        clock.at, sqs.refuses = START, False
        result_writer.MAX_UNWRITTEN_SECONDS = 0
        sqs.messages.clear()
        con.script(EMPTY)
        self.keys: dict[str, str] = {}

    # People and code put work in

    @step(job=some_job, delay=some_delay, how=st.sampled_from(["plainly", "with a key", "rolled back"]))
    def enqueue(self, job: str, delay: timedelta, how: str) -> None:
        if how == "plainly":
            made = enqueue(self.con, job, due_at=self.clock.at + delay)
            noted = self.runs()[made.run_id].message_at is None
            assert noted is (self.sqs.refuses or delay > timedelta(minutes=15)), (
                "the dispatcher has to send it"
            )
        elif how == "with a key":
            self.enqueue_with_a_key(job)
        else:
            self.enqueue_in_a_transaction(job)

    def enqueue_with_a_key(self, job: str) -> None:
        made = enqueue(self.con, job, idempotency_key="monday", request_digest="the same")
        assert made.created is (job not in self.keys)
        assert self.keys.setdefault(job, made.run_id) == made.run_id

    def enqueue_in_a_transaction(self, job: str) -> None:
        sent = len(self.sqs.messages)
        with suppress(RolledBack), self.con.transaction():
            enqueue(self.con, job)
            assert len(self.sqs.messages) == sent, "the message follows the commit"
            raise RolledBack
        assert self.runs() == self.before and len(self.sqs.messages) == sent

    @step(job=st.sampled_from(["db-cleanup", "record-expiry"]), hour=st.integers(1, 2))
    def occurrence_is_due(self, job: str, hour: int) -> None:
        self.sqs.put(job, {"job": job, "occurrence": f"2026-11-24T0{hour}:00:00Z"})

    @step(job=some_job)
    def pause_or_resume(self, job: str) -> None:
        if describe_pause(self.con, job):
            pause.resume(self.con, job, "ann", self.con.now())
        else:
            pause.pause(self.con, job, "ann", None, now=self.con.now())

    @precondition(lambda self: self.before)
    @step(action=st.sampled_from(["requeue", "run-now", "delete"]), which=one_of_many)
    def change(self, action: str, which: int) -> None:
        was = self.one(which)
        done = actions.change(self.con, action, ids=[was.id], actor="ann")
        assert done.ids == ([was.id] if was.state in actions.ELIGIBLE[action] else [])
        run = self.runs()[was.id]
        if not done.ids:
            assert run == was, "an action starts from its states"
        elif action == "requeue":
            self.check_requeued(run)
        elif action == "run-now":
            assert run.failures == was.failures and run.due_at <= self.clock.at

    # The queue brings, repeats, reorders and loses messages; some come long before their time

    @precondition(lambda self: self.sqs.messages)
    @step(which=one_of_many, into=st.none() | some_job)
    def lose(self, which: int, into: str | None) -> None:
        """Or put it into a queue where it does not belong."""
        lost = self.sqs.messages.pop(which % len(self.sqs.messages))
        if into and not lost.occurrence:
            self.sqs.messages.append(replace(lost, job=into))

    @step()
    def queue_begins_or_ceases_to_refuse(self) -> None:
        self.sqs.refuses = not self.sqs.refuses

    @precondition(lambda self: None in self.workers)
    @step(
        job=some_job,
        delays=st.lists(some_delay, max_size=3),
        again=st.booleans(),
        order=some_order,
        is_bulk=st.booleans(),
    )
    def batch_comes(self, job: str, delays: list[timedelta], again: bool, order: str, is_bulk: bool) -> None:
        """All messages of one job, four at most, in one invocation; some were sent this very moment."""
        for delay in delays:
            enqueue(self.con, job, due_at=self.clock.at + delay)
        batch = [message for message in self.sqs.messages if message.job == job][-4:]
        if batch:
            self.take(batch, again, is_bulk=is_bulk)
            for invocation in self.workers:
                if invocation and invocation.messages == tuple(batch):
                    self.go_on(invocation, order, again)

    @step()
    def results_begin_or_cease_to_wait(self) -> None:
        """For the others of their batch, as they do while handlers are quick."""
        result_writer.MAX_UNWRITTEN_SECONDS = 0 if result_writer.MAX_UNWRITTEN_SECONDS else 3600

    @precondition(lambda self: None in self.workers)
    @step(job=some_job, which=st.none() | one_of_many)
    def invoke_by_hand(self, job: str, which: int | None) -> None:
        """A new run, or one that is there."""
        if which is None or not self.before:
            self.occupy(job, {})
        else:
            run = self.one(which)
            self.occupy(run.job, {"run_id": run.id})

    # Workers: an attempt is halted after its claim and goes on in a later step, or never

    @step(which=one_of_many, again=st.booleans(), order=some_order)
    def first_worker(self, which: int, again: bool, order: str) -> None:
        self.work(0, which, again, order)

    @step(which=one_of_many, again=st.booleans(), order=some_order)
    def second_worker(self, which: int, again: bool, order: str) -> None:
        self.work(1, which, again, order)

    def work(self, worker: int, which: int, again: bool, order: str) -> None:
        """A free worker is brought a message, another one goes on with its attempt."""
        invocation = self.workers[worker]
        if invocation is not None:
            self.go_on(invocation, order, again)
        elif self.sqs.messages:
            self.take([self.sqs.messages[which % len(self.sqs.messages)]], again)

    # Time passes

    @step(span=some_time)
    def time_passes(self, span: timedelta) -> None:
        self.clock.at += span

    @precondition(lambda self: self.workers.count(None) == 1)
    @step(
        order=st.sampled_from([None, "checkpoint", "returns", "raises"]),
        how=st.sampled_from(["deleted", "lost", "lost and begun again"]),
    )
    def run_is_taken_away(self, order: str | None, how: str) -> None:
        """A person deletes it, or its worker was too slow; then that worker goes on with it."""
        (slow,) = filter(None, self.workers)
        run_id = slow.at_work.run_id
        self.sqs.refuses = False
        if how == "deleted":
            actions.change(self.con, "delete", ids=[run_id], actor="ann")
        else:
            self.dispatch(timedelta(minutes=6))
            self.clock.at += timedelta(minutes=1)
        if how == "lost and begun again":
            self.bring_next(run_id)
        if order:
            self.go_on(slow, order, comes_again=False)

    # What holds after every step

    @invariant()
    def invariants_hold(self) -> None:
        runs = self.runs()
        invariants.check(self.con, self.before, runs)
        occurrences = {(run.job, run.occurrence) for run in runs.values()}
        assert occurrences >= self.answered, "an occurrence that was delivered has its run"
        self.before = runs

    # At the end: with a worker that does its work, everything comes to its end

    def teardown(self) -> None:
        for invocation in filter(None, self.workers):
            if invocation.context is not None:  # it is over when a step found fault with its end
                invocation.crash()
        self.workers = [None, None]
        self.sqs.refuses = False
        for _ in range(40):
            if all(run.state in FINAL for run in self.runs().values()):
                break
            self.dispatch(timedelta(minutes=10))
            self.work_on_what_is_visible()
        self.invariants_hold()
        assert {run.state for run in self.before.values()} <= FINAL, "everything becomes final"
        self.messages_left_start_nothing()
        actions.change(self.con, "requeue", ids=list(self.before), actor="ann")
        for run in self.runs().values():
            self.check_requeued(run)

    def work_on_what_is_visible(self) -> None:
        while visible := [each for each in self.sqs.messages if each.visible_at <= self.clock.at]:
            self.take(visible[:1], again=False)
            for invocation in filter(None, self.workers):
                self.finish(invocation, "returns")

    def messages_left_start_nothing(self) -> None:
        for message in self.sqs.messages:
            if not message.occurrence:
                self.bring(message)
        assert self.runs() == self.before, "the queue knows of no work that PostgreSQL does not"

    # How it is done

    @staticmethod
    def check_requeued(run: Run) -> None:
        reset = (
            run.state,
            run.failures,
            *(run.row[name] for name in ("cursor", "progress", "result", "error")),
        )
        assert reset == ("enqueued", 0, None, None, None, None), "failures, cursor and progress are reset"

    def one(self, which: int) -> Run:
        """One of the runs, in the order in which they were made."""
        runs = sorted(self.before.values(), key=lambda run: str(run.row["created_at"]))
        return runs[which % len(runs)]

    def take(self, messages: list[Message], again: bool, *, is_bulk: bool = False) -> None:
        if not again:
            for message in messages:
                self.sqs.messages.remove(message)
        self.bring(*messages, is_bulk=is_bulk)


def machine_factory(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], JobSystemMachine]:
    """Makes machines with a clock and a queue of their own; each is empty when it is made."""
    clock = Clock(START)
    fake_sqs = FakeSqs(clock)
    monkeypatch.setattr(Connection, "now", lambda con: clock.look())
    monkeypatch.setattr(sqs, "client", lambda: fake_sqs)
    monkeypatch.setattr(result_writer, "MAX_UNWRITTEN_SECONDS", 0)  # and back afterwards
    for name, spec in SPECS.items():
        monkeypatch.setitem(JOBS, name, spec)

    def machine() -> JobSystemMachine:
        return JobSystemMachine(con, clock, fake_sqs, lambda_context)

    return machine


def run_machine(
    machine: Callable[[], JobSystemMachine], chosen: settings, begin_with: int | None = None
) -> Counter[str]:
    """Run the machine as `chosen` says, at random from `begin_with`; the steps that were taken."""
    taken.clear()
    if begin_with is not None:
        seed(begin_with)(machine)
    run_state_machine_as_test(machine, settings=chosen)  # type: ignore[arg-type]
    return Counter(taken)
