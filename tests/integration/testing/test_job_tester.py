"""What JobTester shows of an attempt, and what a test can decide about its surroundings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.testing import EnqueuedRun, JobTester
from slowmatch.jobs import Context, Integer, Job, Secret, Text, enqueue
from slowmatch.jobs.worker.handler import JobFunction
from slowmatch.mail.message import Message, sender_of
from slowmatch.mail.transport import transport_from
from slowmatch.settings import SettingsError

NOW = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
PLAIN = Job(
    name="plain", description="Does things.", payload={"days": Integer("how many", 1, 365, default=7)}
)
HOOK = Job(
    name="hook",
    description="Posts things.",
    settings={"URL": Text("where to post"), "TOKEN": Secret("what the receiver asks for")},
)
SETTINGS = {"URL": "https://example.com", "TOKEN": "hook-token"}


def plain(handler: Any) -> JobFunction:
    return JobFunction(PLAIN, handler)


def counting(context: Context) -> dict[str, int]:
    for done in (1, 2, 3):
        context.progress(done, 3)
        context.logger.info("counted %s", done)
        context.checkpoint()
    return {"counted": done}


def failing(context: Context) -> None:
    context.logger.warning("attempt %s", context.attempt)
    raise RuntimeError("the disk is full")


def test_result_log_and_progress_are_shown(job_tester: JobTester) -> None:
    attempt = job_tester.perform(plain(counting))
    assert (attempt.state, attempt.result, attempt.error) == ("succeeded", {"counted": 3}, None)
    assert attempt.log == [("INFO", "counted 1"), ("INFO", "counted 2"), ("INFO", "counted 3")]
    assert attempt.progress == {"done": 3, "total": 3}


def test_payload_comes_with_its_defaults(job_tester: JobTester) -> None:
    seen = plain(lambda context: context.payload)
    assert job_tester.perform(seen).result == {"days": 7}
    assert job_tester.perform(seen, {"days": 30}).result == {"days": 30}


def test_time_is_what_the_test_says(job_tester: JobTester) -> None:
    handler = plain(lambda context: [context.now.isoformat(), context.con.now().isoformat()])
    assert job_tester.perform(handler, now=NOW).result == [NOW.isoformat()] * 2
    job_tester.turn_clock(NOW + timedelta(days=1))
    assert job_tester.perform(handler).result == [(NOW + timedelta(days=1)).isoformat()] * 2


def test_scheduled_run_knows_its_occurrence(job_tester: JobTester) -> None:
    handler = plain(lambda context: [str(context.occurrence), context.payload])
    attempt = job_tester.perform(handler, occurrence=NOW, now=NOW + timedelta(minutes=3))
    assert attempt.result == ["2026-12-01 07:30:00+00:00", {"days": 7}]


def test_error_is_followed_by_a_retry(job_tester: JobTester) -> None:
    function = plain(failing)
    first = job_tester.perform(function, now=NOW)
    assert (first.state, first.error) == ("scheduled", "RuntimeError: the disk is full")
    assert timedelta(seconds=15) <= first.due_at - NOW <= timedelta(seconds=44)
    second = job_tester.resume(function, first, now=first.due_at)
    assert second.log[0] == ("WARNING", "attempt 2")
    assert second.due_at > first.due_at


def test_enqueued_runs_are_those_of_the_attempt(job_tester: JobTester) -> None:
    def enqueue_two(context: Context) -> None:
        enqueue(context.con, "record-expiry", {"batch_size": 5})
        enqueue(context.con, "db-cleanup", due_at=context.now + timedelta(hours=2))

    function = plain(enqueue_two)
    expected = [
        EnqueuedRun("record-expiry", {"batch_size": 5}, NOW),
        EnqueuedRun("db-cleanup", {}, NOW + timedelta(hours=2)),
    ]
    for _ in range(2):
        assert job_tester.perform(function, now=NOW).enqueued == expected


def test_mails_are_those_of_the_attempt(job_tester: JobTester) -> None:
    def mail(context: Context) -> None:
        with transport_from(context.config).open(context.seconds_left) as send:
            message = Message(
                sender=sender_of(context.config),
                sender_name=context.config.mail_sender_name,
                recipient="kim@example.com",
                subject=f"Attempt {context.run_id}",
                text="Grüße",
                html="<p>Grüße</p>",
                message_id=f"<{context.run_id}@example.com>",
            )
            send(message)

    for _ in range(2):
        attempt = job_tester.perform(plain(mail))
        (received,) = attempt.mails
        assert (received["To"], received["Subject"]) == ("kim@example.com", f"Attempt {attempt.run_id}")


def test_settings_and_secrets_are_what_the_test_gives(job_tester: JobTester) -> None:
    handler = JobFunction(HOOK, lambda context: [context.settings["URL"], context.secret("TOKEN")])
    attempt = job_tester.perform(handler, settings=SETTINGS, secrets={"hook-token": "s3cret"})
    assert attempt.result == ["https://example.com", "s3cret"]
    assert job_tester.resume(handler, attempt).result == attempt.result


def test_settings_of_one_performance_are_not_those_of_the_next(job_tester: JobTester) -> None:
    handler = JobFunction(HOOK, lambda _: None)
    job_tester.perform(handler, settings=SETTINGS)
    with pytest.raises(SettingsError, match="URL of hook"):
        job_tester.perform(handler)


def test_unknown_secret_says_how_to_give_it(job_tester: JobTester) -> None:
    attempt = job_tester.perform(
        JobFunction(HOOK, lambda context: context.secret("TOKEN")), settings=SETTINGS
    )
    assert attempt.state == "scheduled"
    assert attempt.error == (
        "SecretError: secret slowmatch-test/jobs/hook/hook-token cannot be read:"
        " pass its value to perform(secrets=...)"
    )


def test_stack_can_be_configured(job_tester: JobTester, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = plain(lambda context: context.config.batch_size)
    job_tester.configure(BATCH_SIZE="5")
    assert job_tester.perform(handler).result == 5


def test_variables_of_the_shell_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("BATCH_SIZE", "5")
    monkeypatch.setenv("NOTIFY_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:real")
    job_tester: JobTester = request.getfixturevalue("job_tester")
    config = job_tester.perform(
        plain(lambda context: [context.config.batch_size, context.config.notify_topic_arn])
    )
    assert config.result == [10_000, None]
