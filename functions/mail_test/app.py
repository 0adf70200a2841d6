"""On request: a test mail the way the summary goes. The run's result is what the provider answered."""

from typing import Any

from slowmatch import secrets, telemetry
from slowmatch.jobs import Context, serve
from slowmatch.mail import MailError, Refused, check_address, open_transport, transport_from, trial, way


def send_test(context: Context) -> dict[str, Any]:
    """Every recipient is tried. One that is refused fails the run; what the others got is in its log."""
    recipients = _recipients(context)
    transport = transport_from(context.settings, secrets.read)
    answers, failures = {}, []
    with open_transport(transport) as post:
        for recipient in recipients:
            try:
                message = trial(context.settings, transport, recipient, context.run_id, context.now)
                answers[recipient] = post(message).answer
                context.logger.info("%s: %s", recipient, answers[recipient])
            except MailError as error:
                context.logger.warning("%s: %s", recipient, error)
                failures.append(f"{recipient}: {error}")
    telemetry.count("MailsSent", len(answers))
    telemetry.count("MailsFailed", len(failures))
    if failures:
        raise MailError("; ".join(failures))
    return {"through": way(transport), "answers": answers}


def _recipients(context: Context) -> tuple[str, ...]:
    given = context.payload.get("to")
    recipients = tuple(given or context.settings.mail_recipients)
    if not recipients:
        raise Refused("to is not given, and MAIL_RECIPIENTS is not set: nobody would get the test mail")
    for recipient in recipients:
        check_address("to" if given else "MAIL_RECIPIENTS", recipient)
    return recipients


handler = serve("mail-test", send_test)
