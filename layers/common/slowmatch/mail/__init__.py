"""Mail through SES or SMTP: `with open_transport(transport) as post: receipt = post(message)`.

One message has one recipient. `post` returns a Receipt once the provider has taken the message over,
and raises Refused (trying again cannot help) or Undelivered (it may) otherwise.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

from slowmatch.mail import ses, smtp
from slowmatch.mail.config import Transport, message_from, transport_from
from slowmatch.mail.errors import MailError, Refused, Undelivered, reason
from slowmatch.mail.message import Message, Receipt, check_address, message_id
from slowmatch.mail.ses import Ses
from slowmatch.mail.smtp import Smtp
from slowmatch.mail.test_message import trial, way

__all__ = [
    "MailError",
    "Message",
    "Post",
    "Receipt",
    "Refused",
    "Ses",
    "Smtp",
    "Transport",
    "Undelivered",
    "check_address",
    "message_from",
    "message_id",
    "open_transport",
    "reason",
    "send",
    "transport_from",
    "trial",
    "way",
]

Post = Callable[[Message], Receipt]


def open_transport(
    transport: Transport, seconds_left: Callable[[], float] = lambda: math.inf
) -> AbstractContextManager[Post]:
    """One connection for several messages; after a failed one it can take the next.

    A message that the provider has not taken within `seconds_left()` is Undelivered.
    """
    match transport:
        case Ses():
            return ses.session(transport, seconds_left)
        case Smtp():
            return smtp.session(transport, seconds_left)


def send(message: Message, transport: Transport) -> Receipt:
    """Send one message over a connection of its own."""
    with open_transport(transport) as post:
        return post(message)
