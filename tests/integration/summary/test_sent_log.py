"""Which mails were sent."""

from dataclasses import replace
from datetime import UTC, date, datetime

from slowmatch.db import Connection
from slowmatch.mail import sent_log

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def test_a_mail_that_was_sent_says_nothing_of_any_other(con: Connection) -> None:
    mail = sent_log.Entry("daily-summary", date(2026, 6, 1), "ann@example.com")
    others = [
        replace(mail, kind="another"),
        replace(mail, day=date(2026, 6, 2)),
        replace(mail, recipient="bob@example.com"),
        replace(mail, edition="a run"),
    ]
    assert all(sent_log.is_unsent(con, each, NOW) for each in (mail, *others))
    sent_log.mark_sent(con, mail, "250 taken", now=NOW)
    assert [sent_log.is_unsent(con, each, NOW) for each in (mail, *others)] == [
        False,
        True,
        True,
        True,
        True,
    ]
