"""Once a day: mails the number of records, of new ones and of expired ones, once per day and recipient."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from daily_summary.render import Rendered, Summary, render
from slowmatch import secrets, telemetry
from slowmatch.jobs import Context, Permanent, serve
from slowmatch.mail import (
    MailError,
    Post,
    Refused,
    Undelivered,
    message_from,
    message_id,
    open_transport,
    outbox,
    transport_from,
)
from slowmatch.records import upkeep

KIND = "daily-summary"


def send_summary(context: Context) -> dict[str, Any]:
    day, end = _window(context)
    edition = context.run_id if context.payload.get("resend") else ""
    recipients = tuple(context.payload.get("recipients") or context.settings.mail_recipients)
    if not recipients:
        raise Permanent("MAIL_RECIPIENTS is not set: nobody would get the summary")
    entries = [outbox.Entry(KIND, day, recipient, edition) for recipient in recipients]
    pending = [entry for entry in entries if outbox.is_pending(context.con, entry, context.now)]
    if pending:
        try:
            _send(context, pending, _rendered(context, day, end))
        except Refused as error:  # a template, setting or sign-in that only a person can mend
            raise Permanent(str(error)) from error
    already = sorted({entry.recipient for entry in entries} - {entry.recipient for entry in pending})
    if already:
        context.logger.info('%s had it already; {"resend": true} sends it again', ", ".join(already))
    return {"day": day.isoformat(), "sent": [entry.recipient for entry in pending], "already_sent": already}


def _send(context: Context, entries: list[outbox.Entry], mail: Rendered) -> None:
    """Every recipient is tried; what failed decides between a retry, for those, and the end."""
    errors: list[MailError] = []
    with open_transport(transport_from(context.settings, secrets.read)) as post:
        for done, entry in enumerate(entries, 1):
            context.checkpoint()
            try:
                _post(context, post, entry, mail)
            except MailError as error:
                context.logger.warning("%s: %s", entry.recipient, error)
                errors.append(error)
            context.progress(done, len(entries))
    telemetry.count("MailsFailed", len(errors))
    for failure in errors:
        if isinstance(failure, Undelivered):
            raise failure
    if errors:
        raise Refused("; ".join(str(error) for error in errors))


def _post(context: Context, post: Post, entry: outbox.Entry, mail: Rendered) -> None:
    sender = context.settings.mail_sender or ""
    receipt = post(
        message_from(
            context.settings,
            recipient=entry.recipient,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            message_id=message_id(sender, KIND, entry.day.isoformat(), entry.recipient, entry.edition),
        )
    )
    outbox.sent(context.con, entry, context.con.now(), receipt.answer)
    telemetry.count("MailsSent")


def _rendered(context: Context, day: date, end: datetime) -> Rendered:
    total, created, expired = upkeep.summary(context.con, end)
    summary = Summary(day, end - timedelta(hours=24), end, total, created, expired)
    return render(summary, context.settings.mail_templates_dir)


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
