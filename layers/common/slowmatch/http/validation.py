"""What pydantic found wrong, in words for people: what the field must be."""

from collections.abc import Callable, Mapping
from typing import Any

from slowmatch.http.problem import FieldError

Details = Mapping[str, Any]

PLACES = ("body", "query", "path", "header", "cookie")


def field_error(error: Mapping[str, Any]) -> FieldError:
    """One of pydantic's errors as the field's name and what is allowed there."""
    say = WORDS.get(error["type"], _unknown)
    return {"field": _name(error["loc"]), "message": say(error.get("ctx") or {})}


def _name(location: tuple[str | int, ...]) -> str:
    inner = location[1:] if location[0] in PLACES and len(location) > 1 else location
    return ".".join(str(part) for part in inner)


def _constant(text: str) -> Callable[[Details], str]:
    return lambda _details: text


def _template(text: str) -> Callable[[Details], str]:
    return lambda details: text.format_map(details)


def _length(text: str, limit: str, thing: str) -> Callable[[Details], str]:
    """A limit in so many things, one of which is no plural."""

    def say(details: Details) -> str:
        number = details[limit]
        return f"{text} {number} {thing if number == 1 else thing + 's'}"

    return say


def _unknown(_details: Details) -> str:
    return "has a value that is not allowed"


_text = _constant("must be a text, given once")
_number = _constant("must be a whole number, given once")
_truth = _constant("must be true or false")
_date = _constant("must be a date and time such as 2026-12-31T12:00:00Z")
_uuid = _constant("must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
_object = _constant("must be a JSON object")

WORDS: dict[str, Callable[[Details], str]] = {
    "missing": _constant("is required"),
    "extra_forbidden": _constant("is not a known field"),
    "string_type": _text,
    "string_sub_type": _text,
    "string_unicode": _constant("must be valid Unicode: it has half of a surrogate pair"),
    "string_too_short": _length("must have at least", "min_length", "character"),
    "string_too_long": _length("must have at most", "max_length", "character"),
    "string_pattern_mismatch": _template("must match {pattern}"),
    "int_type": _number,
    "int_parsing": _number,
    "int_parsing_size": _number,
    "int_from_float": _number,
    "float_type": _constant("must be a number"),
    "float_parsing": _constant("must be a number"),
    "finite_number": _constant("must be a finite number"),
    "bool_type": _truth,
    "bool_parsing": _truth,
    "greater_than": _template("must be greater than {gt}"),
    "greater_than_equal": _template("must be at least {ge}"),
    "less_than": _template("must be less than {lt}"),
    "less_than_equal": _template("must be at most {le}"),
    "literal_error": _template("must be one of {expected}"),
    "enum": _template("must be one of {expected}"),
    "datetime_type": _date,
    "datetime_parsing": _date,
    "datetime_from_date_parsing": _date,
    "timezone_aware": _date,
    "uuid_type": _uuid,
    "uuid_parsing": _uuid,
    "list_type": _constant("must be a list"),
    "too_short": _length("must have at least", "min_length", "item"),
    "too_long": _length("must have at most", "max_length", "item"),
    "dict_type": _object,
    "model_type": _object,
    "model_attributes_type": _object,
    "value_error": _template("{error}"),
}
