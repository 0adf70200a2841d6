"""What a record may be, for whoever takes one in."""

import unicodedata

from slowmatch.records.model import TITLE_MAX

_INVISIBLE = ("Cc", "Cf", "Zs")


def title(text: str) -> str:
    """`text`, if it may be a title; ValueError says in words what it must be.

    A title of spaces and invisible characters alone could not be seen, nor clicked.
    """
    if not text:
        raise ValueError("is required")
    if len(text) > TITLE_MAX:
        raise ValueError(f"must have at most {TITLE_MAX} characters")
    if all(character.isspace() or unicodedata.category(character) in _INVISIBLE for character in text):
        raise ValueError("must have a visible character")
    return text
