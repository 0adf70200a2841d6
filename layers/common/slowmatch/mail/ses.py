"""SES, version 2 of its API, with the finished message as raw content."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slowmatch.mail.errors import MailError, Refused, Undelivered
from slowmatch.mail.message import Message, Receipt
from slowmatch.text import clean_line

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from types_boto3_sesv2 import SESV2Client

_RATE_PAUSES_SECONDS = (1, 1, 2, 4)
_THROTTLED = ("TooManyRequestsException", "ThrottlingException", "Throttling")
_TRANSIENT = ("LimitExceededException", "RequestTimeout", "ExpiredTokenException", "ExpiredToken")
_LOOK_AT = {
    "AccessDeniedException": "the function's policy, which has to allow ses:SendEmail for MAIL_SENDER",
    "BadRequestException": "MAIL_SENDER and MAIL_RECIPIENTS",
    "MailFromDomainNotVerifiedException": "MAIL_SENDER: its MAIL FROM domain is not verified in SES",
    "MessageRejected": "MAIL_SENDER, and in the SES sandbox also MAIL_RECIPIENTS: they have to be verified"
    " in this region",
    "NotFoundException": "MAIL_SENDER: its identity does not exist in SES in this region",
    "SendingPausedException": "the SES console: sending is paused",
    "AccountSuspendedException": "the SES console: sending is suspended for this account",
}


@dataclass(frozen=True, slots=True)
class Ses:
    """SES in the region of the process. `timeout_seconds` is for connecting, and again for the answer."""

    timeout_seconds: float = 10.0


@contextmanager
def session(
    ses: Ses,
    seconds_left: Callable[[], float] = lambda: math.inf,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator["_Session"]:
    """Yield what posts messages; `sleep` waits while SES allows no further mail in this second.

    It does not wait if that would leave no time for the answer.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=ses.timeout_seconds,
        read_timeout=ses.timeout_seconds,
        # SendEmail has no idempotency token: what botocore repeats after a time-out arrives twice.
        retries={"total_max_attempts": 1},
    )
    try:
        client = boto3.client("sesv2", config=config)
    except BotoCoreError as error:
        raise _from_botocore(error) from error
    try:
        yield _Session(client, lambda pause: seconds_left() > pause + 2 * ses.timeout_seconds, sleep)
    finally:
        client.close()


class _Session:
    def __init__(
        self,
        client: "SESV2Client",
        may_pause: Callable[[float], bool],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._may_pause = may_pause
        self._sleep = sleep

    def __call__(self, message: Message) -> Receipt:
        """Wait a few seconds at most when SES says "too fast" (the sandbox allows one mail a second)."""
        content = message.as_bytes()
        for pause in _RATE_PAUSES_SECONDS:
            try:
                return self._send(message, content)
            except _TooFast:
                if not self._may_pause(pause):
                    raise
                self._sleep(pause)
        return self._send(message, content)

    def _send(self, message: Message, content: bytes) -> Receipt:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.send_email(
                Destination={"ToAddresses": [message.recipient]}, Content={"Raw": {"Data": content}}
            )
        except ClientError as error:
            raise _from_answer(error) from error
        except BotoCoreError as error:
            raise _from_botocore(error) from error
        return Receipt(answer.get("MessageId", ""))


class _TooFast(Undelivered):
    pass


def _from_answer(error: "ClientError") -> MailError:
    code = clean_line(error.response.get("Error", {}).get("Code") or "", 100)
    text = clean_line(error.response.get("Error", {}).get("Message") or "", 500)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"SES said: {code} {text}".rstrip()
    if code in _THROTTLED and "quota" not in text.lower():
        return _TooFast(said)
    if code in _THROTTLED or code in _TRANSIENT:
        return Undelivered(said)
    if status >= 500:
        return Undelivered(said, outcome_unknown=True)
    return Refused(f"{said}. Look at {_LOOK_AT.get(code, 'MAIL_SENDER and the SES console')}")


def _from_botocore(error: "BotoCoreError") -> MailError:
    from botocore import exceptions as known

    match error:
        case known.NoCredentialsError() | known.PartialCredentialsError() | known.NoRegionError():
            return Refused(f"SES cannot be called: {error}. Look at the function's role and region")
        case known.ParamValidationError() | known.InvalidRegionError():
            return Refused(f"SES cannot be called: {error}")
        case known.ConnectTimeoutError() | known.EndpointConnectionError() | known.SSLError():
            return Undelivered(f"SES cannot be reached: {error}")
        case _:
            return Undelivered(f"SES did not answer: {error}", outcome_unknown=True)
