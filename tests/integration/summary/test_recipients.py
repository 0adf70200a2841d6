"""Twenty recipients and a server that is slow or fails: each gets one mail, and one failure affects no other."""

from typing import Any

import pytest

from daily_summary import app
from daily_summary.app import handler
from slowmatch.db import Connection
from slowmatch.jobs.worker.invocation import AttemptFailed
from slowmatch.mail.message import Message
from slowmatch.settings import Settings
from tests.conftest import LambdaContext
from tests.integration.summary.conftest import Mailbox

pytestmark = pytest.mark.usefixtures("half_past")

TWENTY = [f"r{number:02}@example.com" for number in range(20)]


class LongJob:
    """The daily summary with 120 seconds for each invocation, by a clock that only the mail server moves."""

    def __init__(self, mailbox: Mailbox, context: LambdaContext, con: Connection) -> None:
        self.mailbox, self.context, self.con = mailbox, context, con
        mailbox.take_time = self.take_time

    def take_time(self) -> None:
        self.context.remaining -= 8_000
        assert self.context.remaining > 0, "Lambda would have ended it"

    def start(self, **payload: Any) -> dict[str, Any]:
        self.context.remaining = 120_000
        run: dict[str, Any] = handler({"payload": payload}, self.context)
        return run

    def go_on(self, run: dict[str, Any]) -> dict[str, Any]:
        """Invoke it again, with the next message of the run or as its retry."""
        self.context.remaining = 120_000
        again: dict[str, Any] = handler({"run_id": run["id"]}, self.context)
        return again


@pytest.fixture
def job(mailbox: Mailbox, environment: Settings, lambda_context: LambdaContext, con: Connection) -> LongJob:
    return LongJob(mailbox, lambda_context, con)


def test_a_slow_server_makes_the_run_continue(job: LongJob) -> None:
    run = job.start(recipients=TWENTY)
    assert run["state"] == "enqueued" and job.mailbox.taken == TWENTY[:12]
    run = job.go_on(run)
    assert run["result"] | {"day": ""} == {"day": "", "sent": TWENTY, "already_sent": []}
    assert job.mailbox.taken == TWENTY


def test_recipients_that_failed_are_not_tried_again_before_the_others(job: LongJob) -> None:
    job.mailbox.refused = dict.fromkeys(TWENTY[:12], "451 busy")
    run = job.start(recipients=TWENTY)
    with pytest.raises(AttemptFailed, match=r"r00@example\.com: .*451 busy.*retried at"):
        job.go_on(run)
    assert job.mailbox.taken == TWENTY[12:]


def test_a_retry_after_a_continued_attempt_sends_to_those_who_failed(job: LongJob) -> None:
    job.mailbox.refused = {TWENTY[0]: "451 busy"}
    run = job.start(recipients=TWENTY)
    with pytest.raises(AttemptFailed, match="retried at"):
        job.go_on(run)
    job.mailbox.refused = {}
    assert job.go_on(run)["state"] == "succeeded"
    assert sorted(job.mailbox.taken) == TWENTY


def test_an_odd_answer_is_stored_and_the_mail_counts_as_sent(job: LongJob) -> None:
    job.mailbox.answer = "250 ta\0ken \x1b[31m"
    assert job.start(recipients=TWENTY[:2])["result"]["sent"] == TWENTY[:2]
    assert job.start(recipients=TWENTY[:2])["result"]["sent"] == []
    assert job.mailbox.taken == TWENTY[:2]
    assert job.con.query("SELECT DISTINCT answer FROM mail_outbox") == [["250 ta\ufffdken \ufffd[31m"]]


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [KeyError("odd"), Wordless(), RecursionError("deep")])
def test_an_error_stops_no_other_mail(
    job: LongJob, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*, recipient: str, **more: Any) -> Message:
        if recipient == TWENTY[0]:
            raise error
        return Message(recipient=recipient, **more)

    monkeypatch.setattr(app, "Message", fail)
    with pytest.raises(AttemptFailed, match=rf"r00@example\.com: .*{type(error).__name__}.*retried at"):
        job.start(recipients=TWENTY[:3])
    assert job.mailbox.taken == TWENTY[1:3]


def test_a_refused_answer_with_a_nul_does_not_stop_the_others(job: LongJob) -> None:
    job.mailbox.refused = {TWENTY[0]: "550 no\0body"}
    with pytest.raises(AttemptFailed, match=r"550 no.body.*it will not be retried"):
        job.start(recipients=TWENTY[:2])
    assert job.mailbox.taken == [TWENTY[1]]


def test_a_recipient_named_twice_gets_one_mail(job: LongJob) -> None:
    job.start(recipients=[TWENTY[0], TWENTY[0]])
    assert job.mailbox.taken == [TWENTY[0]]


def test_after_421_the_rest_is_sent_by_the_retry(job: LongJob) -> None:
    job.mailbox.refused = {TWENTY[3]: "421 4.7.0 Too many messages"}
    with pytest.raises(
        AttemptFailed, match=r"r03@example\.com: .*421 4\.7\.0.*r04.*: not tried: .*retried at"
    ):
        job.start(recipients=TWENTY[:6])
    assert job.mailbox.taken == TWENTY[:3]
    job.mailbox.refused = {}
    ((run_id,),) = job.con.query("SELECT id::text FROM job_run")
    assert job.go_on({"id": run_id})["state"] == "succeeded"
    assert job.mailbox.taken == TWENTY[:6]
