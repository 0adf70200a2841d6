"""Sends a test mail in the same way as the summary. The run's result is the provider's answer."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from slowmatch.jobs import Context, serve
from slowmatch.mail import templates
from slowmatch.mail.errors import MailError, Refused, Undelivered, reason
from slowmatch.mail.message import Message, check_address, make_message_id, sender_of
from slowmatch.mail.transport import Transport, transport_from
from slowmatch.telemetry import count

MAX_TEST_SECONDS = 60.0
"""For all recipients together: somebody is waiting for the answer."""
TEMPLATES = Path(__file__).parent / "templates"


def send_test_mail(context: Context) -> dict[str, Any]:
    """Try every recipient. If one fails, the run fails; the answers for the others are in its log."""
    recipients = _recipients(context)
    transport = transport_from(context.config)
    answers, failures = {}, []
    at_start = context.seconds_left()
    limit = min(at_start, MAX_TEST_SECONDS)

    def seconds_left() -> float:
        return limit - (at_start - context.seconds_left())

    with transport.open(seconds_left) as send:
        for recipient in recipients:
            try:
                if seconds_left() <= 0:
                    raise Undelivered(f"not tried: the {limit:.0f}-second limit for a test had been reached")
                answers[recipient] = send(compose(context, transport, recipient))
                context.logger.info("%s: %s", recipient, answers[recipient])
            except Exception as error:  # noqa: BLE001 - one recipient's error must not affect the others
                failures.append(f"{recipient}: {reason(error)}")
                context.logger.warning("%s", failures[-1])
    count("MailsSent", len(answers))
    count("MailsFailed", len(failures))
    if failures:
        raise MailError("; ".join(failures))
    return {"through": str(transport), "answers": answers}


def _recipients(context: Context) -> tuple[str, ...]:
    given = context.payload.get("to")
    recipients = tuple(dict.fromkeys(given or context.config.mail_recipients))
    if not recipients:
        raise Refused("the test email has no recipients: give the parameter to, or set MAIL_RECIPIENTS")
    for recipient in recipients:
        check_address("to" if given else "MAIL_RECIPIENTS", recipient)
    return recipients


def compose(context: Context, transport: Transport, recipient: str) -> Message:
    sender = sender_of(context.config)
    values = {
        "through": str(transport),
        "sender": sender,
        "at": context.now,
        "run_id": context.run_id,
        **templates.common_values(context.config),
    }
    return Message(
        sender=sender,
        sender_name=context.config.mail_sender_name,
        recipient=recipient,
        message_id=make_message_id(sender, "send-test-mail", context.run_id, recipient),
        reply_to=context.config.mail_contact,
        **asdict(templates.render("test_mail", values, TEMPLATES)),
    )


handler = serve("send-test-mail", send_test_mail)
