"""How many messages in a row a run sends to its own queue, counted; then the dispatcher carries on."""

from slowmatch.db import Connection
from slowmatch.jobs import Continue, enqueue
from slowmatch.jobs.dispatcher import redelivery
from slowmatch.jobs.lifecycle.finish import MAX_ATTEMPTS_IN_A_ROW
from tests.integration.jobs.conftest import Queues, Work
from tests.support.handlers import fail


def deliver_messages(work: Work, queues: Queues) -> int:
    """Deliver messages until there are none, and return how many there were."""
    number = 0
    while messages := queues.take_all():
        number += len(messages)
        work.deliver(*messages)
    return number


def test_a_run_that_always_continues_is_slowed_down_by_the_dispatcher(
    work: Work, con: Connection, queues: Queues
) -> None:
    work.handler = lambda context: Continue()
    work.start_occurrence()
    assert deliver_messages(work, queues) == MAX_ATTEMPTS_IN_A_ROW - 1
    assert "dispatcher" in work.events(work.run().id)[-1][2]
    assert redelivery.send_due(con, con.now()) == 1
    assert deliver_messages(work, queues) == MAX_ATTEMPTS_IN_A_ROW


def test_two_runs_that_take_turns_are_slowed_down_too(work: Work, con: Connection, queues: Queues) -> None:
    work.handler = lambda context: Continue()
    for _ in range(2):
        enqueue(con, "record-expiry")
    deliver_messages(work, queues)
    assert [run.attempt for run in work.runs()] == [MAX_ATTEMPTS_IN_A_ROW] * 2


def test_a_retry_after_many_attempts_is_sent_by_the_dispatcher(
    work: Work, con: Connection, queues: Queues
) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    con.query("UPDATE job_run SET attempt = :attempt", attempt=MAX_ATTEMPTS_IN_A_ROW - 1)
    work.handler = fail
    work.deliver({"run_id": run_id, "attempt": MAX_ATTEMPTS_IN_A_ROW})
    assert work.run().state == "scheduled" and queues.delayed() == 0
    assert redelivery.send_due(con, con.now()) == 1 and queues.delayed() == 1


def test_a_retry_that_continues_keeps_the_error_of_the_failure(work: Work, con: Connection) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    work.handler = fail
    work.deliver({"run_id": run_id, "attempt": 1})
    error = work.run().error
    con.query("UPDATE job_run SET due_at = now()")
    work.handler = lambda context: Continue()
    work.deliver({"run_id": run_id, "attempt": 2})
    assert (work.run().state, work.run().failures) == ("enqueued", 1)
    assert error and work.run().error == error
