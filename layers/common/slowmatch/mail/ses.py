"""Amazon SES: version 2 of its API, with the complete message as raw content."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slowmatch.aws.clients import refusal
from slowmatch.mail.errors import MailError, Refused, Undelivered
from slowmatch.mail.message import Message
from slowmatch.text import clean_line

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

PAUSES_SECONDS = (1, 1, 2, 4)
"""While SES allows no further mail in this second (the sandbox allows one a second)."""
_THROTTLED = ("TooManyRequestsException", "ThrottlingException", "Throttling")
_TEMPORARY = ("LimitExceededException", "RequestTimeout", "ExpiredTokenException", "ExpiredToken")
_LOOK_AT = {
    "AccessDeniedException": "the function's policy, which must allow ses:SendEmail for MAIL_SENDER",
    "BadRequestException": "MAIL_SENDER and MAIL_RECIPIENTS",
    "MailFromDomainNotVerifiedException": "MAIL_SENDER: its MAIL FROM domain is not verified in SES",
    "MessageRejected": "MAIL_SENDER, and in the SES sandbox also MAIL_RECIPIENTS: they must be verified in this region",
    "NotFoundException": "MAIL_SENDER: its identity does not exist in SES in this region",
    "SendingPausedException": "the SES console: sending is paused",
    "AccountSuspendedException": "the SES console: sending is suspended for this account",
}


@dataclass(frozen=True, slots=True)
class Ses:
    """SES in the region of the process. `timeout_seconds` applies to connecting and again to the answer."""

    timeout_seconds: float = 10.0

    def __str__(self) -> str:
        return "Amazon SES"

    @contextmanager
    def open(
        self, seconds_left: Callable[[], float] = lambda: math.inf
    ) -> Iterator[Callable[[Message], str]]:
        """Yield a function that sends a message and returns SES's id for it.

        If SES is too busy, it pauses as long as there is time for an answer.
        """
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        config = Config(
            connect_timeout=self.timeout_seconds,
            read_timeout=self.timeout_seconds,
            # SendEmail has no idempotency token: what botocore repeats after a time-out arrives twice.
            retries={"total_max_attempts": 1},
        )

        def send(message: Message) -> str:
            content = message.as_bytes()
            for pause in (*PAUSES_SECONDS, math.inf):
                try:
                    answer = client.send_email(
                        Destination={"ToAddresses": [message.recipient]}, Content={"Raw": {"Data": content}}
                    )
                    return str(answer.get("MessageId", ""))
                except ClientError as error:
                    code, text = _code_and_text(error)
                    is_too_fast = code in _THROTTLED and "quota" not in text.lower()
                    if not is_too_fast or seconds_left() <= pause + 2 * self.timeout_seconds:
                        raise _from_answer(error) from error
                    time.sleep(pause)
                except BotoCoreError as error:
                    raise _from_botocore(error) from None
            raise AssertionError("the last pause is infinite")

        try:
            client = boto3.client("sesv2", config=config)
        except BotoCoreError as error:
            raise _from_botocore(error) from None
        with closing(client):
            yield send


def _code_and_text(error: "ClientError") -> tuple[str, str]:
    answer = error.response.get("Error", {})
    return clean_line(answer.get("Code") or "", 100), clean_line(answer.get("Message") or "", 500)


def _from_answer(error: "ClientError") -> MailError:
    code, text = _code_and_text(error)
    problem = f"SES responded: {code} {text}".rstrip()
    if code in (*_THROTTLED, *_TEMPORARY):
        return Undelivered(problem)
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return Undelivered(problem, outcome_unknown=True)
    return Refused(f"{problem}. Check {_LOOK_AT.get(code, 'MAIL_SENDER and the SES console')}")


def _from_botocore(error: "BotoCoreError") -> MailError:
    from botocore import exceptions as known

    match error:
        case known.NoCredentialsError() | known.PartialCredentialsError() | known.NoRegionError():
            return Refused(f"SES cannot be called: {error}. Check the function's role and region")
        case known.ParamValidationError() | known.InvalidRegionError():
            return Refused(f"SES cannot be called: {error}")
        case known.ConnectTimeoutError() | known.EndpointConnectionError() | known.SSLError():
            return Undelivered(f"SES cannot be reached: {error}")
        case _:
            return Undelivered(f"SES did not respond: {refusal(error)}", outcome_unknown=True)
