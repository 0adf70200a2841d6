"""The two ways a mail fails: for good, or for now."""

import traceback

from slowmatch.text import clean_line

REASON_MAX = 1_000
"""The characters of a reason: a server's reply, and what to look at."""


class MailError(Exception):
    """A mail did not go out; the message quotes the provider and names the setting to look at."""


class Refused(MailError):
    """Trying again cannot help: a person has to change a setting, an address or the provider's account."""


class Undelivered(MailError):
    """Trying again may help: a time-out, a lost connection, a busy provider.

    `outcome_unknown` is true when the provider already had the whole message and its answer was lost.
    It may have been accepted: the next try can then deliver the same mail a second time, with the
    same Message-ID. Nothing in SMTP or SES closes this gap.
    """

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        if outcome_unknown:
            message = f"{message}. It may have been accepted all the same, and then arrives twice"
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


def reason(error: Exception) -> str:
    """Why a mail failed, on one line; of an unexpected error with its type. Works when `str(error)` raises."""
    told = str(error) if isinstance(error, MailError) else "".join(traceback.format_exception_only(error))
    return clean_line(told, REASON_MAX)
