"""The two ways a mail fails: for good, or for now."""

import traceback

from slowmatch.text import clean_line

MAX_REASON_CHARACTERS = 1_000


class MailError(Exception):
    """A mail was not sent; the message quotes the provider and names the setting to look at."""


class Refused(MailError):
    """Another attempt cannot help: somebody has to change a setting, an address or the provider's account."""


class Undelivered(MailError):
    """Another attempt may help: a time-out, a lost connection, a busy provider.

    With `outcome_unknown` the provider had the whole message, and its answer was lost. If it accepted the message,
    the next attempt delivers the same mail again, with the same Message-ID. Neither SMTP nor SES can prevent that.
    """

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        if outcome_unknown:
            message = f"{message}. The email may have been accepted anyway; if so, it will arrive twice"
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


def reason(error: Exception) -> str:
    """Why a mail failed, on one line, with the type of an unexpected error. Works even if `str(error)` raises."""
    text = str(error) if isinstance(error, MailError) else "".join(traceback.format_exception_only(error))
    return clean_line(text, MAX_REASON_CHARACTERS)
