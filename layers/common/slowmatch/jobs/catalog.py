"""Which jobs there are: what each does, what its payload may hold, and how its runs behave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from slowmatch.jobs.retry import MAX_ATTEMPTS
from slowmatch.text import to_json

MAX_JSON_BYTES = 256 * 1024
"""The largest payload or result that a run may have, as JSON."""


class PayloadError(ValueError):
    """A payload that its job does not accept. `field` is the offending field's name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class UnknownJob(ValueError):
    """There is no job of that name in the catalog."""

    def __init__(self, name: object) -> None:
        super().__init__(f"there is no job {name!r}; there are {', '.join(JOBS)}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a payload. `kind` is boolean, integer, date or addresses; a number has its bounds."""

    kind: str
    description: str
    low: int = 0
    high: int = 0

    def problem(self, value: Any) -> str | None:
        """Why `value` is not accepted, in words, or None."""
        match self.kind:
            case "boolean":
                return None if isinstance(value, bool) else "must be true or false"
            case "integer":
                whole = isinstance(value, int) and not isinstance(value, bool)
                fits = whole and self.low <= value <= self.high
                return None if fits else f"must be a whole number from {self.low} to {self.high}"
            case "date":
                return None if _is_date(value) else "must be a date such as 2026-12-31"
            case _:
                fits = isinstance(value, list) and bool(value) and all(_is_address(item) for item in value)
                return None if fits else "must be a list of e-mail addresses"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """`overlap` says what becomes of a scheduled tick that meets a running run of an exclusive job.

    A job that is not `scheduled` has no rule: people start it. `role` is who may; `form` is the title of its
    form, for a job that nobody should start without having looked at it.
    """

    name: str
    description: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    exclusive: bool = True
    overlap: str = "skip"
    max_attempts: int = MAX_ATTEMPTS
    scheduled: bool = True
    role: str = "operator"
    form: str = ""

    def check(self, payload: Any) -> dict[str, Any]:
        """The payload as accepted. Raises PayloadError naming the field."""
        if not isinstance(payload, dict):
            raise PayloadError("payload", "must be a JSON object")
        for name, value in payload.items():
            if name not in self.fields:
                allowed = ", ".join(self.fields) or "no fields"
                raise PayloadError(name, f"is not a field of {self.name}, which takes {allowed}")
            problem = self.fields[name].problem(value)
            if problem:
                raise PayloadError(name, problem)
        sizes = {name: len(to_json({name: value}).encode()) for name, value in payload.items()}
        if sum(sizes.values()) > MAX_JSON_BYTES:
            largest = max(sizes, key=lambda name: sizes[name])
            message = f"has {sizes[largest]:,} bytes; a payload has at most {MAX_JSON_BYTES:,} as JSON"
            raise PayloadError(largest, message)
        return payload


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 254 and value.count("@") == 1 and value.isprintable()


JOBS = {
    spec.name: spec
    for spec in (
        JobSpec(
            "daily-summary",
            "Mails how many records there are, and how many came and expired in the last 24 hours.",
            {
                "day": Field("date", "the day (UTC) to report at its end; without it, the last 24 hours"),
                "recipients": Field("addresses", "who gets it instead of MAIL_RECIPIENTS"),
                "resend": Field("boolean", "send again what was already sent"),
            },
        ),
        JobSpec(
            "record-expiry",
            "Marks the records whose expiry date has passed.",
            {"batch_size": Field("integer", "records in the first transaction", 1, 100_000)},
        ),
        JobSpec(
            "db-cleanup",
            "Removes the records that expired longer ago than the retention.",
            {
                "dry_run": Field("boolean", "count only, remove nothing"),
                "older_than_days": Field("integer", "instead of RECORD_RETENTION_DAYS", 1, 3650),
            },
        ),
        JobSpec(
            "mail-test",
            "Sends a test mail the way the summary goes, and shows what the provider answers.",
            {"to": Field("addresses", "who gets it instead of MAIL_RECIPIENTS")},
            exclusive=False,
            max_attempts=1,
            scheduled=False,
            role="admin",
            form="Send a test mail",
        ),
    )
}


def job(name: Any) -> JobSpec:
    """The catalog's entry. Raises UnknownJob."""
    spec = JOBS.get(name) if isinstance(name, str) else None
    if spec is None:
        raise UnknownJob(name)
    return spec
