"""The dispatcher's duties as steps: it may come at any time, more than once, and be halted in the middle."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from slowmatch.aws import sqs
from slowmatch.jobs import JOBS
from slowmatch.jobs.dispatcher import redelivery, rescuer
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from slowmatch.jobs.lifecycle import promotion
from slowmatch.jobs.lifecycle.claim import LeasedAttempt
from tests.integration.jobs.invariants import WAITING, Runs
from tests.integration.jobs.worker_rules import WorkerRules

taken: Counter[str] = Counter()
"""How often each step was taken, in all examples since it was cleared."""


def step(**given: Any) -> Callable[[Any], Any]:
    """A rule whose steps are counted."""

    def mark(function: Callable[..., None]) -> Any:
        @wraps(function)
        def counted(self: Any, **values: Any) -> None:
            taken[function.__name__] += 1
            function(self, **values)

        marked: Any = rule(**given)  # type: ignore[no-untyped-call, unused-ignore]
        return marked(counted)

    return mark


class DispatcherRules(WorkerRules):
    @step(waited=st.sampled_from([timedelta(minutes=6), timedelta(0)]), resend_all=st.booleans())
    def dispatcher(self, waited: timedelta, resend_all: bool) -> None:
        """After six minutes every lease is over, whether its worker died or is only slow."""
        self.dispatch(waited, resend_all)

    @precondition(lambda self: any(run.lease_until for run in self.before.values()))
    @step(begun_again=st.booleans(), waited=st.sampled_from([timedelta(minutes=6), timedelta(0)]))
    def two_dispatchers_at_once(self, begun_again: bool, waited: timedelta) -> None:
        """One is halted between looking and writing; meanwhile the other does all, and the next attempts begin."""
        self.clock.at += timedelta(minutes=6)
        over = self.clock.at - rescuer.LEASE_GRACE
        seen = [run for run in self.before.values() if run.lease_until and run.lease_until < over]
        seen.sort(key=lambda run: str(run.row["created_at"]))
        self.sqs.refuses = False
        self.dispatch(timedelta(0))
        self.clock.at += timedelta(minutes=1)
        for run in seen if begun_again else ():
            self.bring_next(run.id)
        self.clock.at += waited
        for run in seen:
            was, now = self.runs(), self.con.now()
            assert run.lease_until
            lost = LeasedAttempt(
                run_id=run.id,
                job=run.job,
                attempt=run.attempt,
                failures=run.failures,
                max_attempts=run.max_attempts,
                lease_until=run.lease_until,
            )
            rescuer._rescue(self.con, rescuer._lost(lost, now, in_batch=run.row["in_batch"]))
            self.check_rescue(was, {run.id: (run.attempt, now)})

    # How it is done, and what it has to do

    def dispatch(self, waited: timedelta, resend_all: bool = False) -> None:
        self.clock.at += waited
        was, now = self.runs(), self.con.now()
        rescuer.rescue(self.con, now)
        self.check_rescue(was, {run.id: (run.attempt, now - rescuer.LEASE_GRACE) for run in was.values()})
        with suppress(PartlyFailed):
            redelivery.send_due(self.con, now, resend_all=resend_all)
        promotion.promote_and_send(self.con, list(JOBS))
        if not self.sqs.refuses:
            self.check_messages(now)

    def check_rescue(self, was: Runs, sought: dict[str, tuple[int, datetime]]) -> None:
        """Lost attempts, of those that were sought, by number and end of lease: each counts as a failure, or is lost
        with its batch, and claimed alone next time.
        """
        after = self.runs()
        for run in was.values():
            attempt, over = sought.get(run.id, (0, self.clock.at))
            if run.attempt == attempt and run.lease_until and run.lease_until < over:
                counts = not run.row["in_batch"]
                retried = "failed" if run.failures + 1 == run.max_attempts else "scheduled"
                assert after[run.id].state == (retried if counts else "enqueued")
                assert after[run.id].failures == run.failures + counts
                assert after[run.id].outcomes[-1] == "lost" and after[run.id].row["claim_alone"]
            else:
                assert after[run.id].differs_from(run) <= {"message_at"}, "only what is lost is rescued"

    def check_messages(self, now: datetime) -> None:
        """What is due within SQS's delay has a message on its way, and no other is overdue."""
        soon = now + timedelta(seconds=sqs.MAX_DELAY_SECONDS)
        for run in self.runs().values():
            if run.state in WAITING and run.due_at <= soon:
                assert run.message_at and run.message_at > now - redelivery.RESEND_AFTER
