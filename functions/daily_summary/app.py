"""Once a day: mails the number of records, of new ones and of expired ones, once per day and recipient."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from daily_summary.render import Rendered, Summary, render
from slowmatch import telemetry
from slowmatch.aws import secrets
from slowmatch.jobs import Context, Continue, Permanent, serve
from slowmatch.mail import (
    MailError,
    Post,
    Refused,
    Undelivered,
    message_from,
    message_id,
    open_transport,
    reason,
    sent_log,
    transport_from,
)
from slowmatch.records import statistics

KIND = "daily-summary"


@dataclass
class Outcome:
    """What became of the mails so far: who was sent one by this run, and who was tried in vain, with the reason.

    It is the run's cursor, so that a next invocation goes on with those who are left. A retry tries again.
    """

    failures: int
    sent: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    undelivered: dict[str, str] = field(default_factory=dict)

    @classmethod
    def so_far(cls, context: Context) -> "Outcome":
        known = context.cursor or {"failures": context.claimed.failures}
        if known["failures"] == context.claimed.failures:
            return cls(**known)
        return cls(context.claimed.failures, known["sent"])

    def is_left(self, recipient: str) -> bool:
        return recipient not in self.refused and recipient not in self.undelivered

    def check(self) -> None:
        """Raise what the failures come to: Undelivered if trying again may help, else Refused."""
        reasons = "; ".join(f"{who}: {why}" for who, why in (self.undelivered | self.refused).items())
        if self.undelivered:
            raise Undelivered(reasons)
        if self.refused:
            raise Refused(reasons)


def send_summary(context: Context) -> dict[str, Any] | Continue:
    day, end = _window(context)
    edition = context.run_id if context.payload.get("resend") else ""
    recipients = dict.fromkeys(context.payload.get("recipients") or context.config.mail_recipients)
    if not recipients:
        raise Permanent("MAIL_RECIPIENTS is not set: nobody would get the summary")
    outcome = Outcome.so_far(context)
    entries = [sent_log.Entry(KIND, day, recipient, edition) for recipient in recipients]
    pending = [entry for entry in entries if sent_log.is_pending(context.con, entry, context.now)]
    left = [entry for entry in pending if outcome.is_left(entry.recipient)]
    try:
        if left and not _send(context, left, _rendered(context, day, end), outcome):
            return Continue(asdict(outcome))
        outcome.check()
    except Refused as error:  # a template, setting or sign-in that only a person can mend
        raise Permanent(str(error)) from error
    already = sorted(set(recipients) - set(outcome.sent))
    if already:
        context.logger.info('%s had it already; {"resend": true} sends it again', ", ".join(already))
    return {"day": day.isoformat(), "sent": outcome.sent, "already_sent": already}


def _send(context: Context, entries: list[sent_log.Entry], mail: Rendered, outcome: Outcome) -> bool:
    """Try every recipient, whatever goes wrong with another one; False when time is up before the last."""
    transport = transport_from(context.config, secrets.read)
    with open_transport(transport, context.seconds_left) as post:
        for done, entry in enumerate(entries):
            if context.checkpoint() and done:
                return False
            try:
                _post(context, post, entry, mail)
                outcome.sent.append(entry.recipient)
            except Exception as error:  # noqa: BLE001 - one recipient's error must not stop the others
                _note_failure(context, entry.recipient, error, outcome)
            context.progress(done + 1, len(entries))
    return True


def _note_failure(context: Context, recipient: str, error: Exception, outcome: Outcome) -> None:
    why = reason(error)
    context.logger.warning("%s: %s", recipient, why, exc_info=not isinstance(error, MailError))
    failed = outcome.refused if isinstance(error, Refused) else outcome.undelivered
    failed[recipient] = why
    telemetry.count("MailsFailed")


def _post(context: Context, post: Post, entry: sent_log.Entry, mail: Rendered) -> None:
    sender = context.config.mail_sender or ""
    receipt = post(
        message_from(
            context.config,
            recipient=entry.recipient,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            message_id=message_id(sender, KIND, entry.day.isoformat(), entry.recipient, entry.edition),
        )
    )
    sent_log.sent(context.con, entry, context.con.now(), receipt.answer)
    telemetry.count("MailsSent")


def _rendered(context: Context, day: date, end: datetime) -> Rendered:
    total, created, expired = statistics.summary(context.con, end)
    summary = Summary(day, end - timedelta(hours=24), end, total, created, expired)
    return render(summary, context.config.mail_templates_dir)


def _window(context: Context) -> tuple[date, datetime]:
    """The day reported and the end of its 24 hours: that day's midnight, or when the run was due or began.

    A retry keeps that time: after midnight it would take the next day's place.
    """
    wanted = context.payload.get("day")
    if wanted is None:
        end = min(context.occurrence or context.began, context.now)
        return end.date(), end
    day = date.fromisoformat(wanted)
    if day > context.now.date():
        raise Permanent(f"{day} is still to come")
    return day, min(context.now, datetime.combine(day + timedelta(days=1), time(), UTC))


handler = serve(KIND, send_summary)
