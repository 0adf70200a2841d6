"""If-Match: a change that is made only if nobody else has made one meanwhile (RFC 9110, 13.1.1)."""

import re
from collections.abc import Sequence

from slowmatch.http.errors import Problem
from slowmatch.http.request import Event, header

_TAG = r'(?:W/)?"[\x21\x23-\x7e]*"'
_TAGS = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")


def if_match(event: Event) -> Sequence[str] | None:
    """The versions that If-Match names; None without one, and for `*`, which every version matches.

    Raise Problem 412 for weak tags, 422 for what is not a list of tags.
    """
    text = header(event, "if-match").strip()
    if text in ("", "*"):
        return None
    if not _TAGS.fullmatch(text):
        message = 'must be * or the ETag as it was received, such as "4711"'
        raise Problem.invalid([{"field": "If-Match", "message": message}])
    if 'W/"' in text:
        detail = "If-Match has a weak tag, which never matches: send the ETag as it was received, without W/"
        raise Problem(412, "Precondition Failed", detail)
    return [tag.strip('"') for tag in re.findall(_TAG, text)]
