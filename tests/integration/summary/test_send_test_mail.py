"""The test mail: what the provider answers is the run's result, and what it refuses the run's error."""

from email import message_from_bytes
from typing import Any

import boto3
import pytest
from moto.ses.models import ses_backends

from send_test_mail import app
from send_test_mail.app import handler
from slowmatch.db import Connection
from slowmatch.jobs import Context
from slowmatch.jobs.worker.invocation import AttemptFailed
from slowmatch.mail.message import Message
from slowmatch.settings import Settings, settings
from tests.conftest import LambdaContext, SetVariable
from tests.integration.summary.conftest import Mailbox


@pytest.fixture
def run(environment: Settings, lambda_context: Any) -> Any:
    return lambda **payload: handler({"payload": payload}, lambda_context)["result"]


def test_the_result_is_the_provider_s_answer_for_each_recipient(mailbox: Mailbox, run: Any) -> None:
    result = run(to=["ann@example.com", "bob@example.com"])
    assert result["answers"] == {"ann@example.com": "250 taken", "bob@example.com": "250 taken"}
    assert result["through"].startswith("127.0.0.1, port ")
    assert mailbox.taken == ["ann@example.com", "bob@example.com"]


def test_the_mail_says_which_way_it_came(
    mailbox: Mailbox, run: Any, con: Connection, set_variable: SetVariable
) -> None:
    set_variable("CONSOLE_URL", "https://jobs.example.com")
    set_variable("MAIL_CONTACT", "platform@example.com")
    through = run(to=["ann@example.com"])["through"]
    (content,) = mailbox.contents
    mail = message_from_bytes(content)
    assert mail["To"] == "ann@example.com"
    assert mail["Subject"] == "slowmatch-test: test email, it works"
    assert mail["Reply-To"] == "platform@example.com"
    ((run_id,),) = con.query("SELECT id::text FROM job_run")
    for part in ("text/plain", "text/html"):
        (payload,) = (
            each.get_payload(decode=True) for each in mail.walk() if each.get_content_type() == part
        )
        assert isinstance(payload, bytes)
        text = payload.decode()
        assert through in text and "platform@example.com" in text
        assert f"https://jobs.example.com/runs/{run_id}" in text


def test_without_an_address_it_goes_to_those_who_get_the_summary(mailbox: Mailbox, run: Any) -> None:
    assert list(run()["answers"]) == list(settings().mail_recipients)


def test_missing_recipients_name_the_setting(mailbox: Mailbox, run: Any, set_variable: SetVariable) -> None:
    set_variable("MAIL_RECIPIENTS", "")
    with pytest.raises(AttemptFailed, match="the test email has no recipients: give the parameter to"):
        run()


def test_a_refused_recipient_fails_the_run_and_the_others_get_theirs(mailbox: Mailbox, run: Any) -> None:
    mailbox.refused["ann@example.com"] = "550 5.1.1 no such user"
    with pytest.raises(AttemptFailed, match=r"ann@example\.com: .*550 5\.1\.1 .*it will not be retried"):
        run(to=["ann@example.com", "bob@example.com"])
    assert mailbox.taken == ["bob@example.com"]


def test_a_busy_server_fails_the_run_without_a_retry(mailbox: Mailbox, run: Any) -> None:
    mailbox.refused["ann@example.com"] = "451 busy, try later"
    with pytest.raises(AttemptFailed, match=r"451 busy, try later; it will not be retried"):
        run(to=["ann@example.com"])


def test_a_wrong_address_is_refused_before_anything_is_sent(mailbox: Mailbox, run: Any) -> None:
    with pytest.raises(AttemptFailed, match=r"to contains 'jürgen@example\.com': it must be an ASCII"):
        run(to=["ann@example.com", "jürgen@example.com"])
    assert mailbox.taken == []


def test_a_wrong_address_names_its_setting(mailbox: Mailbox, run: Any, set_variable: SetVariable) -> None:
    set_variable("MAIL_RECIPIENTS", "jürgen@example.com")
    with pytest.raises(AttemptFailed, match=r"MAIL_RECIPIENTS contains 'jürgen@example\.com'"):
        run()


def test_each_test_mail_has_an_id_of_its_own(mailbox: Mailbox, run: Any) -> None:
    for _ in range(2):
        run(to=["ann@example.com", "bob@example.com"])
    assert len({message_from_bytes(content)["Message-ID"] for content in mailbox.contents}) == 4


def test_through_ses_the_answer_is_the_id_that_ses_gave(run: Any, set_variable: SetVariable) -> None:
    set_variable("MAIL_TRANSPORT", "ses")
    boto3.client("sesv2").create_email_identity(EmailIdentity=settings().mail_sender or "")
    result = run(to=["ann@example.com"])
    sent = ses_backends["123456789012"]["eu-west-1"].sent_messages
    assert result == {"through": "Amazon SES", "answers": {"ann@example.com": sent[-1].id}}


def test_a_test_names_who_was_not_tried(mailbox: Mailbox, run: Any, lambda_context: LambdaContext) -> None:
    """Each mail takes 8 of the 60 seconds of a test."""

    def take_time() -> None:
        lambda_context.remaining -= 8_000

    mailbox.take_time = take_time
    lambda_context.remaining = 120_000
    with pytest.raises(AttemptFailed, match=r"r8@example\.com: not tried: the 60-second limit"):
        run(to=[f"r{number}@example.com" for number in range(10)])
    assert len(mailbox.taken) == 8


def test_an_error_stops_no_other_mail(mailbox: Mailbox, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = app.compose

    def fail(context: Context, transport: Any, to: str) -> Message:
        if to == "ann@example.com":
            raise KeyError("odd")
        return compose(context, transport, to)

    monkeypatch.setattr(app, "compose", fail)
    with pytest.raises(AttemptFailed, match=r"ann@example\.com: KeyError: 'odd'; it will not be retried"):
        run(to=["ann@example.com", "bob@example.com"])
    assert mailbox.taken == ["bob@example.com"]
