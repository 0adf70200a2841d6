"""Jobs take turns when messages are sent: no backlog, refusing queue or removed job holds up another one."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped, unused-ignore]

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.deadline import Deadline
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import redelivery, rescuer
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from slowmatch.jobs.lifecycle import messages
from slowmatch.settings import settings
from tests.integration.jobs.conftest import Queues, Work
from tests.support.runs import put_runs

DAY = timedelta(days=1)


def sent_to(monkeypatch: pytest.MonkeyPatch, refusing: str = "") -> list[str]:
    """The job of each call that sends messages to a queue from now on; the queue of `refusing` takes none."""
    called: list[str] = []
    real = sqs.client().send_message_batch

    def send(QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803
        job = QueueUrl.removeprefix(settings().queue_url_prefix)
        called.append(job)
        if job == refusing:
            raise ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "you may not send"}}, "SendMessageBatch"
            )
        return real(QueueUrl=QueueUrl, Entries=Entries)

    monkeypatch.setattr(sqs.client(), "send_message_batch", send)
    return called


def test_runs_of_a_removed_job_hold_up_nobody(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_runs(con, "old-job", 600, age=3 * DAY)
    live = ["daily-summary", "db-cleanup", "record-expiry"]
    for job in live:
        put_runs(con, job)
    called = sent_to(monkeypatch)
    assert redelivery.send_due(con, con.now()) == 3
    assert sorted(called) == live


def test_a_lost_run_of_a_removed_job_waits_without_a_message(
    con: Connection, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.be_killed()
    con.query("UPDATE job_run SET job = 'old-job', lease_until = now() - interval '1 minute'")
    called = sent_to(monkeypatch)
    assert rescuer.rescue(con, con.now()) == 1 and called == []
    assert con.query("SELECT state, message_at FROM job_run") == [["scheduled", None]]


def test_a_refusing_queue_is_asked_once_and_holds_up_nobody(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_runs(con, "record-expiry", 600, age=3 * DAY)
    put_runs(con, "db-cleanup", 30)
    called = sent_to(monkeypatch, refusing="record-expiry")
    with pytest.raises(PartlyFailed) as caught:
        redelivery.send_due(con, con.now())
    assert caught.value.done == 30 and called.count("record-expiry") == 1
    assert caught.value.problems == {
        "record-expiry": "the queue rejects all messages: you may not send (AccessDenied)"
    }
    assert con.query("SELECT count(*) FROM job_run WHERE job = 'record-expiry' AND message_at IS NULL") == [
        [600]
    ]


def test_a_message_that_is_refused_alone_spares_the_others(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_runs(con, "record-expiry", 25)

    def throttle(QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803
        return {"Failed": [{"Id": Entries[0]["Id"], "Code": "Throttled", "SenderFault": False}]}

    monkeypatch.setattr(sqs.client(), "send_message_batch", throttle)
    with pytest.raises(
        PartlyFailed, match="record-expiry: the queue rejected a message: Throttled"
    ) as caught:
        redelivery.send_due(con, con.now())
    assert caught.value.done == 9
    assert con.query("SELECT count(*) FROM job_run WHERE message_at IS NULL") == [[16]]


def test_jobs_take_turns_whatever_the_backlog_of_one(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "MAX_MESSAGES_PER_PASS", 40)
    put_runs(con, "record-expiry", 100, age=3 * DAY)
    put_runs(con, "db-cleanup", 15)
    assert redelivery.send_due(con, con.now()) == 40
    sent = con.query("SELECT job, count(*) FROM job_run WHERE message_at IS NOT NULL GROUP BY 1 ORDER BY 1")
    assert sent == [["db-cleanup", 15], ["record-expiry", 25]]


def test_who_is_sent_first_changes(con: Connection) -> None:
    now = con.now()
    firsts = {redelivery._in_turn(now + timedelta(minutes=minute))[0] for minute in range(len(JOBS))}
    assert firsts == set(JOBS)


def test_what_the_deadline_leaves_over_is_sent_next_time(con: Connection, queues: Queues) -> None:
    put_runs(con, "record-expiry", 3)
    pointers = [
        messages.RunMessage(*row) for row in con.query("SELECT job, id::text, 1, due_at FROM job_run")
    ]
    con.query("UPDATE job_run SET message_at = now()")
    assert messages.send(con, pointers, Deadline(0)) == messages.Sent(0, {})
    assert redelivery.send_due(con, con.now(), deadline=Deadline(0)) == 0
    assert redelivery.send_due(con, con.now()) == 3
