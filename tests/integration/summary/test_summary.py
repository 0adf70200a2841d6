"""The daily summary: once per day and recipient, whatever is repeated or refused."""

from typing import Any

import pytest

from daily_summary.app import handler
from slowmatch.db import Connection
from slowmatch.jobs.runtime import AttemptFailed
from slowmatch.settings import Settings, settings
from tests.integration.summary.conftest import Mailbox


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


def test_another_day_is_another_mail(mailbox: Mailbox, run: Any) -> None:
    run(day="2026-01-01", recipients=["ann@example.com"])
    run(day="2026-01-02", recipients=["ann@example.com"])
    assert mailbox.taken == ["ann@example.com"] * 2


def test_a_person_can_have_it_sent_again(mailbox: Mailbox, run: Any) -> None:
    run(recipients=["ann@example.com"])
    assert run(recipients=["ann@example.com"], resend=True)["sent"] == ["ann@example.com"]
    assert len(mailbox.taken) == 2


def test_a_retry_sends_only_what_was_not_sent(mailbox: Mailbox, run: Any, con: Connection) -> None:
    mailbox.refused["two@example.com"] = "451 busy"
    with pytest.raises(AttemptFailed, match="tried again"):
        run()
    mailbox.refused.clear()
    assert run()["sent"] == ["two@example.com"]
    assert mailbox.taken == ["one@example.com", "two@example.com"]


def test_a_refused_recipient_fails_at_once_and_the_others_get_theirs(mailbox: Mailbox, run: Any) -> None:
    mailbox.refused["one@example.com"] = "550 no such user"
    with pytest.raises(AttemptFailed, match=r"550.*no retry follows"):
        run()
    assert mailbox.taken == ["two@example.com"]


def test_a_broken_template_fails_at_once(
    mailbox: Mailbox, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "subject.txt").write_text("{{ nothing }}")
    monkeypatch.setenv("MAIL_TEMPLATES_DIR", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(AttemptFailed, match="no retry follows"):
        run()
    assert mailbox.taken == []


def test_nobody_to_send_to_says_which_setting(
    mailbox: Mailbox, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_RECIPIENTS", "")
    settings.cache_clear()
    with pytest.raises(AttemptFailed, match="MAIL_RECIPIENTS is not set"):
        run()
