"""The daily summary: once per day and recipient, whatever is repeated or refused."""

from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from daily_summary.app import handler
from slowmatch.db import Connection
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.worker.invocation import AttemptFailed
from slowmatch.mail import sent_log
from slowmatch.mail.templates import moment
from slowmatch.records import statistics
from slowmatch.settings import Settings
from tests.conftest import SetVariable
from tests.integration.summary.conftest import Mailbox

pytestmark = pytest.mark.usefixtures("half_past")

DAY = timedelta(days=1)


@pytest.fixture
def run(environment: Settings, lambda_context: Any) -> Any:
    return lambda **payload: handler({"payload": payload}, lambda_context)["result"]


def test_each_recipient_gets_one_a_day(mailbox: Mailbox, run: Any) -> None:
    assert run()["sent"] == ["one@example.com", "two@example.com"]
    assert run() | {"day": ""} == {
        "day": "",
        "sent": [],
        "already_sent": ["one@example.com", "two@example.com"],
    }
    assert mailbox.taken == ["one@example.com", "two@example.com"]


def test_only_a_mail_of_unknown_outcome_keeps_its_id(mailbox: Mailbox, run: Any, con: Connection) -> None:
    ann: dict[str, Any] = {"recipients": ["ann@example.com"]}
    run(day="2026-01-01", **ann)
    con.query("UPDATE mail_outbox SET sent_at = NULL, answer = NULL")
    run(day="2026-01-01", **ann)
    run(day="2026-01-02", **ann)
    run(day="2026-01-01", recipients=["bob@example.com"])
    run(day="2026-01-01", resend=True, **ann)
    first, again, *others = (message_from_bytes(content)["Message-ID"] for content in mailbox.contents)
    assert first == again and len({first, *others}) == 4


def test_a_day_ends_at_its_midnight_or_now(mailbox: Mailbox, run: Any, half_past: datetime) -> None:
    for day in (half_past - DAY, half_past):
        run(day=f"{day:%Y-%m-%d}")
        text = message_from_bytes(mailbox.contents[-1], policy=default).get_body(("plain",))
        end = min(half_past, day.replace(hour=0, minute=0) + DAY)
        assert text is not None and f"to           {moment(end)}." in text.get_content()


def test_a_deleted_run_sends_no_more(mailbox: Mailbox, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mark_sent = sent_log.mark_sent

    def mark_sent_and_delete(con: Connection, *mail: Any, now: datetime) -> None:
        mark_sent(con, *mail, now=now)
        ((run_id,),) = con.query("SELECT id::text FROM job_run")
        actions.change(con, "delete", ids=[run_id], actor="ann")

    monkeypatch.setattr(sent_log, "mark_sent", mark_sent_and_delete)
    run()
    assert mailbox.taken == ["one@example.com"]


def test_a_retry_after_midnight_keeps_its_day(mailbox: Mailbox, lambda_context: Any, con: Connection) -> None:
    occurrence = datetime(2026, 6, 1, 23, 59, tzinfo=UTC)
    for at in (occurrence, occurrence + timedelta(seconds=1)):
        con.query("INSERT INTO record (title, created_at, expiry_date) VALUES ('x', :at, :at)", at=at)
    mailbox.refused["two@example.com"] = "451 busy"
    with pytest.raises(AttemptFailed, match="retried at"):
        handler({"source": "aws.events", "time": occurrence.isoformat()}, lambda_context)
    mailbox.refused.clear()
    ((run_id,),) = con.query("SELECT id::text FROM job_run")
    result = handler({"run_id": run_id}, lambda_context)["result"]
    assert result == {
        "day": "2026-06-01",
        "sent": ["two@example.com"],
        "already_sent": ["one@example.com"],
    }
    assert mailbox.taken == ["one@example.com", "two@example.com"]
    assert all(b"1 created, 1 expired" in content for content in mailbox.contents)


def test_a_retry_keeps_its_day(mailbox: Mailbox, run: Any, lambda_context: Any, con: Connection) -> None:
    mailbox.refused["two@example.com"] = "451 busy"
    with pytest.raises(AttemptFailed, match="retried at"):
        run()
    mailbox.refused.clear()
    ((run_id,),) = con.query("UPDATE job_run SET started_at = '2026-06-01T23:59:59Z' RETURNING id::text")
    assert handler({"run_id": run_id}, lambda_context)["result"]["day"] == "2026-06-01"


def test_a_future_day_is_refused_and_keeps_its_summary(mailbox: Mailbox, run: Any, con: Connection) -> None:
    for day in (f"{con.now() + DAY:%Y-%m-%d}", "9999-12-31"):
        with pytest.raises(AttemptFailed, match=f"{day} is in the future: .*; it will not be retried"):
            run(day=day)
    assert con.query("SELECT count(*) FROM mail_outbox") == [[0]]


def test_a_broken_template_fails_at_once(
    mailbox: Mailbox, run: Any, set_variable: SetVariable, tmp_path: Any
) -> None:
    (tmp_path / "subject.txt").write_text("{{ nothing }}")
    set_variable("MAIL_TEMPLATES_DIR", str(tmp_path))
    with pytest.raises(AttemptFailed, match="it will not be retried"):
        run()
    assert mailbox.taken == []


def test_missing_recipients_name_the_setting(mailbox: Mailbox, run: Any, set_variable: SetVariable) -> None:
    set_variable("MAIL_RECIPIENTS", "")
    with pytest.raises(AttemptFailed, match="the summary has no recipients: set MAIL_RECIPIENTS"):
        run()


def test_the_last_days_end_at_the_hour_of_the_summary(con: Connection) -> None:
    end = datetime(2026, 6, 3, 7, 40, tzinfo=UTC)
    hours = {
        "2026-05-20T06:00Z": 1,  # before the 14 days
        "2026-05-20T07:00Z": 2,
        "2026-06-01T07:00Z": 4,
        "2026-06-02T06:00Z": 8,
        "2026-06-02T07:00Z": 16,  # of the last day, which the summary has counted itself
        "2026-06-03T07:00Z": 32,  # not over
    }
    for hour, created in hours.items():
        con.query(
            "INSERT INTO record_hour (hour, created, expired, deleted) VALUES (:hour::timestamptz, :n, 1, 0)",
            hour=hour,
            n=created,
        )
    days = statistics.last_days(con, statistics.Summary(100, 20, 3), end.date(), end)
    assert len(days) == 14
    assert [tuple(day) for day in days if day.created] == [
        (date(2026, 5, 21), 2, 1),
        (date(2026, 6, 2), 12, 2),
        (date(2026, 6, 3), 20, 3),
    ]


def test_days_before_the_first_figures_are_left_out(con: Connection) -> None:
    now = datetime(2026, 6, 3, 7, tzinfo=UTC)
    assert len(statistics.last_days(con, statistics.Summary(1, 1, 0), now.date(), now)) == 1
    con.query(
        "INSERT INTO record_hour (hour, created, expired, deleted) VALUES ('2026-06-01T20:00Z', 1, 0, 0)"
    )
    assert len(statistics.last_days(con, statistics.Summary(1, 1, 0), now.date(), now)) == 2
