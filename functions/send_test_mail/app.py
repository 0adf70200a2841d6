"""On request: a test mail the way the summary goes. The run's result is what the provider answered."""

from typing import Any

from slowmatch import telemetry
from slowmatch.aws import secrets
from slowmatch.jobs import Context, serve
from slowmatch.mail import (
    MailError,
    Refused,
    Undelivered,
    check_address,
    open_transport,
    reason,
    transport_from,
    trial,
    way,
)

TEST_SECONDS = 60.0
"""How long a test may take for all its recipients: a person waits for the answer."""


def send_test(context: Context) -> dict[str, Any]:
    """Every recipient is tried. One that fails fails the run; what the others got is in its log."""
    recipients = _recipients(context)
    transport = transport_from(context.config, secrets.read)
    answers, failures = {}, []
    at_first = context.seconds_left()
    limit = min(at_first, TEST_SECONDS)

    def seconds_left() -> float:
        return limit - (at_first - context.seconds_left())

    with open_transport(transport, seconds_left) as post:
        for recipient in recipients:
            try:
                if seconds_left() <= 0:
                    raise Undelivered(f"not tried: the {limit:.0f} seconds of a test were over")
                message = trial(context.config, transport, recipient, context.run_id, context.now)
                answers[recipient] = post(message).answer
                context.logger.info("%s: %s", recipient, answers[recipient])
            except Exception as error:  # noqa: BLE001 - one recipient's error must not stop the others
                failures.append(f"{recipient}: {reason(error)}")
                context.logger.warning("%s", failures[-1])
    telemetry.count("MailsSent", len(answers))
    telemetry.count("MailsFailed", len(failures))
    if failures:
        raise MailError("; ".join(failures))
    return {"through": way(transport), "answers": answers}


def _recipients(context: Context) -> tuple[str, ...]:
    given = context.payload.get("to")
    recipients = tuple(dict.fromkeys(given or context.config.mail_recipients))
    if not recipients:
        raise Refused("to is not given, and MAIL_RECIPIENTS is not set: nobody would get the test mail")
    for recipient in recipients:
        check_address("to" if given else "MAIL_RECIPIENTS", recipient)
    return recipients


handler = serve("send-test-mail", send_test)
