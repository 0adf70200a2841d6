"""Each kind of field: what it accepts, how typed text becomes a value, which definitions are refused."""

from typing import Any

import pytest

from slowmatch.jobs.fields import (
    Addresses,
    Boolean,
    Choice,
    Date,
    Field,
    Integer,
    Number,
    Secret,
    Text,
    Time,
)

LONGEST_ADDRESS = "a@" + "b" * 252
FIELDS: dict[str, Field] = {
    "boolean": Boolean("x"),
    "integer": Integer("x", -5, 100),
    "number": Number("x", 0, 2.5),
    "text": Text("x", 5),
    "choice": Choice("x", ("low", "high")),
    "date": Date("x"),
    "time": Time("x"),
    "addresses": Addresses("x"),
    "secret": Secret("x"),
}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("boolean", False),
        ("integer", -5),
        ("integer", 100),
        ("number", 0),
        ("number", 2.5),
        ("text", "a"),
        ("text", "äöü€😀"),
        ("choice", "low"),
        ("date", "2028-02-29"),
        ("time", "07:30"),
        ("addresses", ["a@b", LONGEST_ADDRESS]),
        ("secret", "webhook-token"),
    ],
)
def test_field_accepts(kind: str, value: Any) -> None:
    assert FIELDS[kind].problem(value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("boolean", 1),
        ("boolean", "true"),
        ("integer", 101),
        ("integer", -6),
        ("integer", True),
        ("integer", 1.0),
        ("number", 2.6),
        ("number", 10**400),
        ("number", float("nan")),
        ("number", float("inf")),
        ("number", True),
        ("number", "1"),
        ("text", ""),
        ("text", "123456"),
        ("text", "a\x00"),
        ("text", "\ud800"),
        ("text", 5),
        ("choice", "Low"),
        ("choice", ["low"]),
        ("date", "2026-02-29"),
        ("date", "20260228"),
        ("date", 20260227),
        ("date", "2026-W01-1"),
        ("time", "24:00"),
        ("time", "7:30"),
        ("time", "T0730"),
        ("time", "07:30Z"),
        ("time", "07:30:00"),
        ("addresses", []),
        ("addresses", "a@b"),
        ("addresses", ["a@b", "a"]),
        ("addresses", ["a@b@c"]),
        ("addresses", ["@"]),
        ("addresses", ["a b@c"]),
        ("addresses", ["a@b\n"]),
        ("addresses", [LONGEST_ADDRESS + "b"]),
        ("secret", "sk-Live/9f8e7d"),
        ("secret", "a" * 41),
    ],
)
def test_field_refuses(kind: str, value: Any) -> None:
    assert str(FIELDS[kind].problem(value)).startswith("must be ")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("boolean", "on", True),
        ("boolean", "FALSE", False),
        ("boolean", "perhaps", "perhaps"),
        ("integer", "-5", -5),
        ("integer", "1e3", "1e3"),
        ("integer", "9" * 5000, "9" * 5000),
        ("number", "1.5", 1.5),
        ("number", "-.5e-1", -0.05),
        ("number", "nan", "nan"),
        ("text", "07", "07"),
        ("addresses", "a@b; c@d,e@f", ["a@b", "c@d", "e@f"]),
    ],
)
def test_typed_text_becomes_a_value(kind: str, text: str, value: Any) -> None:
    assert FIELDS[kind].from_text(text) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("boolean", True),
        ("integer", 7),
        ("number", 1.5),
        ("number", 1234567.25),
        ("text", "a"),
        ("addresses", ["a@b", "c@d"]),
    ],
)
def test_value_survives_the_form(kind: str, value: Any) -> None:
    assert FIELDS[kind].from_text(FIELDS[kind].to_text(value)) == value


@pytest.mark.parametrize(
    ("field", "error"),
    [
        (Boolean(""), "its description is '': must be a non-empty string"),
        (Integer("x", "1", 5), "low is '1': must be a whole number"),  # type: ignore[arg-type]
        (Number("x", 0, float("inf")), "high is inf: must be a number"),
        (Integer("x", 5, 1), "low is 5 and high is 1: low must not be above high"),
        (Integer("x", 1, 5, default=6), "its default is 6: must be a whole number from 1 to 5"),
        (Number("x", 2.0, 1.0), "low is 2.0 and high is 1.0: low must not be above high"),
        (Text("x", 0), "max_characters is 0: must be from 1 to 10,000"),
        (Choice("x", ("one",)), "choices is ('one',): must be a list of two or more different strings"),
        (Choice("x", "ab"), "choices is 'ab': must be a list of two or more different strings"),
        (
            Choice("x", ("a", "b", "a")),
            "choices is ('a', 'b', 'a'): must be a list of two or more different strings",
        ),
        (Choice("x", (1, 2)), "choices is (1, 2): must be a list of two or more different strings"),  # type: ignore[arg-type]
        (Date("x", default="today"), "its default is 'today': must be a date such as 2026-12-31"),
        (
            Boolean("x", default=True, required=True),
            "is required, so its default True would never be used",
        ),
    ],
)
def test_definition_has_a_config_error(field: Field, error: str) -> None:
    assert field.config_error() == error
