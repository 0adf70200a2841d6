"""Mails the numbers of all, new and expired records, once for each day and recipient."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from daily_summary.render import render
from slowmatch.jobs import Context, Continue, Permanent, serve
from slowmatch.mail import sent_log
from slowmatch.mail.errors import MailError, Refused, Undelivered, reason
from slowmatch.mail.message import Message, make_message_id, sender_of
from slowmatch.mail.sent_log import Entry
from slowmatch.mail.templates import Rendered
from slowmatch.mail.transport import Send, transport_from
from slowmatch.records import statistics
from slowmatch.telemetry import count

KIND = "daily-summary"


@dataclass
class Results:
    """The recipients that this run has sent a mail to, and those that failed, with the reason.

    This is the run's cursor: the next invocation continues with the others. A retry tries again those that failed.
    """

    failures: int
    sent: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    undelivered: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, context: Context) -> "Results":
        cursor = context.cursor or {}
        if cursor.get("failures") == context.claimed.failures:
            return cls(**cursor)
        return cls(context.claimed.failures, cursor.get("sent", []))

    @property
    def failed(self) -> dict[str, str]:
        return self.undelivered | self.refused

    def raise_failures(self) -> None:
        """Raise Undelivered if another attempt may help, else Refused; nothing if no mail failed."""
        if self.failed:
            error = Undelivered if self.undelivered else Refused
            raise error("; ".join(f"{recipient}: {why}" for recipient, why in self.failed.items()))


def send_summary(context: Context) -> dict[str, Any] | Continue:
    day, end = _window(context)
    recipients = list(dict.fromkeys(context.payload.get("recipients") or context.config.mail_recipients))
    if not recipients:
        raise Permanent("the summary has no recipients: set MAIL_RECIPIENTS")
    results = Results.of(context)
    edition = context.run_id if context.payload.get("resend") else ""
    entries = [Entry(KIND, day, recipient, edition) for recipient in recipients]
    unsent = [entry for entry in entries if sent_log.is_unsent(context.con, entry, context.now)]
    unsent = [entry for entry in unsent if entry.recipient not in results.failed]
    try:
        if unsent:
            counts = statistics.summary(context.con, end)
            days = statistics.last_days(context.con, counts, day, end)
            mail = render(counts, days, day, end, context.config)
            if not _send_all(context, unsent, mail, results):
                return Continue(asdict(results))
        results.raise_failures()
    except Refused as error:  # a template, a setting or a login that only a person can correct
        raise Permanent(str(error)) from error
    already_sent = sorted(set(recipients) - set(results.sent))
    if already_sent:
        names = ", ".join(already_sent)
        context.logger.info('%s already received it; use {"resend": true} to send it again', names)
    return {"day": day.isoformat(), "sent": results.sent, "already_sent": already_sent}


def _window(context: Context) -> tuple[date, datetime]:
    """The reported day and the end of its 24 hours: its midnight, or else when the run was due or began.

    A retry keeps that time: after midnight it would otherwise report the next day.
    """
    wanted = context.payload.get("day")
    if wanted is None:
        end = min(context.occurrence or context.began, context.now)
        return end.date(), end
    day = date.fromisoformat(wanted)
    if day > context.now.date():
        raise Permanent(f"{day} is in the future: choose today or an earlier day")
    return day, min(context.now, datetime.combine(day + timedelta(days=1), time(), UTC))


def _send_all(context: Context, entries: list[Entry], mail: Rendered, results: Results) -> bool:
    """Try every recipient, even if another one fails; False if time is up before the last."""
    with transport_from(context.config).open(context.seconds_left) as send:
        for done, entry in enumerate(entries):
            if context.checkpoint() and done:
                return False
            try:
                _send(context, send, entry, mail)
                results.sent.append(entry.recipient)
            except Exception as error:
                why, is_expected = reason(error), isinstance(error, MailError)
                context.logger.warning("%s: %s", entry.recipient, why, exc_info=not is_expected)
                failures = results.refused if isinstance(error, Refused) else results.undelivered
                failures[entry.recipient] = why
                count("MailsFailed")
            context.progress(done + 1, len(entries))
    return True


def _send(context: Context, send: Send, entry: Entry, mail: Rendered) -> None:
    sender = sender_of(context.config)
    identity = (entry.kind, entry.day.isoformat(), entry.recipient, entry.edition)
    message = Message(
        sender=sender,
        sender_name=context.config.mail_sender_name,
        recipient=entry.recipient,
        message_id=make_message_id(sender, *identity),
        reply_to=context.config.mail_contact,
        **asdict(mail),
    )
    sent_log.mark_sent(context.con, entry, send(message), now=context.con.now())
    count("MailsSent")


handler = serve(KIND, send_summary)
