"""Two workers that are brought messages, one by one and in batches, and are watched at each step."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from slowmatch.db import Connection
from slowmatch.jobs import Context, Continue, Permanent
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle.claim import MAX_EARLY_START
from slowmatch.jobs.lifecycle.pause import describe_pause
from slowmatch.jobs.worker import result_writer
from slowmatch.jobs.worker.events import EventError
from slowmatch.jobs.worker.invocation import AttemptFailed
from tests.integration.jobs.invariants import FINAL, HANDLER_END, WAITING, Run, Runs, look, signature
from tests.integration.jobs.stepped_worker import MOMENT, Clock, FakeSqs, Message, SteppedInvocation

SPECS = {
    spec.name: spec
    for spec in (
        dataclasses.replace(JOBS["record-expiry"], max_attempts=2),
        dataclasses.replace(JOBS["db-cleanup"], max_attempts=3, overlap="wait"),
        dataclasses.replace(JOBS["send-test-mail"], max_attempts=2),
    )
}
"""An exclusive job that skips occurrences, one that lets them wait, and one that is not exclusive."""


def fail() -> None:
    raise RuntimeError("the disk is full")


def refuse() -> None:
    raise Permanent("the recipient is unknown")


RESULTS: dict[str, Callable[[], Any]] = {
    "returns": lambda: {"done": 1},
    "continues": lambda: Continue({"part": 2}),
    "raises": fail,
    "refuses": refuse,
    "returns what JSON cannot hold": lambda: float("nan"),
}


class WorkerRules(RuleBasedStateMachine):
    """What the workers do; `before` is what was seen after the last step."""

    def __init__(self, con: Connection, clock: Clock, sqs: FakeSqs, lambda_context: Any) -> None:
        super().__init__()
        self.con, self.clock, self.sqs, self.lambda_context = con, clock, sqs, lambda_context
        self.workers: list[SteppedInvocation | None] = [None, None]
        self.answered: set[tuple[str, datetime]] = set()
        self.reports = 0
        self.before: Runs = {}

    def runs(self) -> Runs:
        return look(self.con)

    # A worker begins

    def bring(self, *messages: Message, is_bulk: bool = False) -> None:
        """Hand messages of one job to a worker that is free."""
        was, paused = self.runs(), describe_pause(self.con, messages[0].job)
        records = [{"messageId": str(n), "body": message.text} for n, message in enumerate(messages)]
        self.occupy(messages[0].job, {"Records": records}, messages, is_bulk=is_bulk)
        if len(messages) == 1 and (occurrence := messages[0].occurrence):
            self.check_occurrence(was, messages[0].job, occurrence, bool(paused))

    def bring_next(self, run_id: str) -> None:
        """Hand the latest message of a run to a worker, when there are both."""
        messages = [message for message in self.sqs.messages if message.body.get("run_id") == run_id]
        if messages and None in self.workers:
            self.bring(messages[-1])

    def occupy(
        self, job: str, event: Any, messages: tuple[Message, ...] = (), *, is_bulk: bool = False
    ) -> None:
        was, at = self.runs(), self.clock.at
        invocation = SteppedInvocation(
            self.con, SPECS[job], event, self.lambda_context, messages, is_bulk=is_bulk
        )
        self.workers[self.workers.index(None)] = invocation
        self.watch(invocation, None, was, at)

    def check_occurrence(self, was: Runs, job: str, occurrence: datetime, paused: bool) -> None:
        """What happens to an occurrence that comes alone."""
        wanted = (job, occurrence)
        first = [run for run in was.values() if (run.job, run.occurrence) == wanted]
        (run,) = [run for run in self.runs().values() if (run.job, run.occurrence) == wanted]
        busy = any(other.job == job and other.state == "processing" for other in was.values())
        if first:
            assert first == [run], "an occurrence that has its run starts nothing"
        elif paused or (busy and SPECS[job].overlap == "skip"):
            assert run.state == "deleted", (
                "an occurrence is skipped while its schedule is paused, or its job busy"
            )
        else:
            assert run.state == ("enqueued" if busy else "processing")

    # A worker goes on

    def go_on(self, invocation: SteppedInvocation, order: str, comes_again: bool) -> None:
        if order == "checkpoint":
            self.checkpoint(invocation)
        elif order == "crash":
            self.crash(invocation, comes_again)
        else:
            self.finish(invocation, order)

    def checkpoint(self, invocation: SteppedInvocation) -> None:
        context, was, at = invocation.at_work, self.runs(), self.clock.at
        mine = owns(was, context)
        self.reports += 1
        invocation.report(self.reports, signature(context.run_id, context.attempt))
        assert (invocation.context is context) is mine, "a handler hears of it when its run is taken away"
        run = self.runs()[context.run_id]
        changed = run.differs_from(was[run.id]) - HANDLER_END
        assert changed == ({"progress"} if mine else set()), "a late report is dropped"
        assert not mine or run.row["progress"]["done"] == self.reports
        self.check_results(invocation, was)
        self.watch(invocation, context, was, at)

    def crash(self, invocation: SteppedInvocation, comes_again: bool) -> None:
        was = self.runs()
        invocation.crash()
        self.workers[self.workers.index(invocation)] = None
        assert self.runs() == was, "who dies says nothing"
        if comes_again:
            self.sqs.messages += invocation.messages

    def finish(self, invocation: SteppedInvocation, ending: str) -> None:
        context, was, at = invocation.at_work, self.runs(), self.clock.at
        invocation.unwritten[context] = ending
        invocation.finish(RESULTS[ending])
        assert invocation.context is not context
        self.check_results(invocation, was)
        self.watch(invocation, context, was, at)

    def check_results(self, invocation: SteppedInvocation, was: Runs) -> None:
        """The results that were written in this step; they may wait for others, but not for the end of all."""
        after = self.runs()
        for context, ending in list(invocation.unwritten.items()):
            run = after[context.run_id]
            if not owns(was, context):
                changed = run.differs_from(was[run.id])
                assert changed <= HANDLER_END, "an attempt whose run went on without it changes nothing"
            elif owns(after, context) and invocation.context and result_writer.MAX_UNWRITTEN_SECONDS:
                continue
            else:
                self.check_end(was[run.id], run, ending)
            del invocation.unwritten[context]

    @staticmethod
    def check_end(was: Run, run: Run, ending: str) -> None:
        failed = ending not in ("returns", "continues")
        again = "failed" if ending == "refuses" or was.failures + 1 == was.max_attempts else "scheduled"
        assert run.state == {"returns": "succeeded", "continues": "enqueued"}.get(ending, again)
        assert run.failures == was.failures + failed
        assert run.outcomes[-1] == {"returns": "succeeded", "continues": "continued"}.get(ending, "failed")
        assert ending != "continues" or run.row["cursor"] == {"part": 2}

    # What is seen of every step

    def watch(self, invocation: SteppedInvocation, previous: Context | None, was: Runs, at: datetime) -> None:
        """Look at the attempt that was started in this step, or at the end of the whole invocation."""
        started = invocation.context
        if started is None:
            self.release(invocation)
        elif started is not previous:
            self.check_start(started, invocation, was, at)
        self.check_bystanders(invocation, previous, was)
        after = self.runs()
        begun = {run.id for run in after.values() if run.state == "processing" and run.id in was}
        for run_id in begun - {run.id for run in was.values() if run.state == "processing"}:
            if invocation.messages:
                self.check_claim(was[run_id], after[run_id].attempt, invocation.messages, at)
                assert not (was[run_id].row["claim_alone"] and after[run_id].row["in_batch"])
            else:
                assert started and run_id == started.run_id, "what is started by hand is that run"

    def check_start(self, started: Context, invocation: SteppedInvocation, was: Runs, at: datetime) -> None:
        run, messages = was.get(started.run_id), invocation.messages
        if run and run.attempt == started.attempt:
            assert len(messages) > 1, "only the runs of a batch are claimed before their turn"
            return
        assert owns(self.runs(), started)
        assert started.cursor == ((run and run.state not in FINAL and run.row["cursor"]) or {})
        if not messages:
            assert run is None or run.state != "processing", "what is at work is not started"
        elif run is None:
            assert started.occurrence and not describe_pause(self.con, started.claimed.job), (
                "a pause holds the schedule"
            )
        else:
            self.check_claim(run, started.attempt, messages, at)

    @staticmethod
    def check_claim(was: Run, attempt: int, messages: tuple[Message, ...], at: datetime) -> None:
        """A run that was claimed for a message, alone or with others."""
        assert was.job == messages[0].job, "a job's function starts no other job's run"
        assert was.state in WAITING, "what is final or at work is not started"
        assert attempt == was.attempt + 1
        pointers = [message.body for message in messages]
        assert {"run_id": was.id, "attempt": attempt} in pointers, "a stale message starts nothing"
        assert was.due_at <= at + MAX_EARLY_START + MOMENT, "an early message starts nothing"

    def check_bystanders(self, invocation: SteppedInvocation, previous: Context | None, was: Runs) -> None:
        """No other run changes, but for the message of one that waits for the place of an exclusive job."""
        if not invocation.messages:
            return  # by hand, a run that is there may be requeued or told to wait
        named = {message.body.get("run_id") for message in invocation.messages}
        named |= {context.run_id for context in (previous, invocation.context) if context}
        after = self.runs()
        for run in was.values():
            if run.id not in named:
                assert after[run.id].differs_from(run) <= {"message_at"}, "one run at a time is worked on"

    def release(self, invocation: SteppedInvocation) -> None:
        """When an invocation is over, see that it went well, and that its worker is free."""
        self.workers[self.workers.index(invocation)] = None
        if not isinstance(invocation.error, AttemptFailed | EventError | None):
            raise invocation.error
        assert not (invocation.answer or {}).get("batchItemFailures"), "every message was understood"
        self.answered |= {(each.job, each.occurrence) for each in invocation.messages if each.occurrence}


def owns(runs: Runs, context: Context) -> bool:
    run = runs[context.run_id]
    return (run.attempt, run.lease_until) == (context.attempt, context.claimed.lease_until)
