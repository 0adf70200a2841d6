"""What a schedule must be to be stored. Each check raises ScheduleError."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slowmatch.jobs import catalog, cron
from slowmatch.jobs.definition import PayloadError
from slowmatch.jobs.schedules.timing import ScheduleError, Timing
from slowmatch.text import to_json

MAX_PAYLOAD_BYTES = 16 * 1024
"""As JSON, so that all schedules together are not too many bytes to be read at once."""
MAX_RATE = timedelta(days=366)


def check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        allowed = "1 to 64 letters, digits, dots, underscores and hyphens, beginning with a letter or digit"
        raise ScheduleError("name", f"{name!r} must be {allowed}")


def check_payload(job: str, payload: Any) -> dict[str, Any]:
    """Return the payload as the job takes it."""
    try:
        accepted = catalog.job(job).check(payload)
    except catalog.UnknownJob as error:
        raise ScheduleError("job", str(error)) from error
    except PayloadError as error:
        field = "payload" if error.field == "payload" else f"payload.{error.field}"
        raise ScheduleError(field, error.message) from error
    if (size := len(to_json(accepted).encode())) > MAX_PAYLOAD_BYTES:
        message = f"is {size:,} bytes; that of a schedule may be at most {MAX_PAYLOAD_BYTES:,} bytes as JSON"
        raise ScheduleError("payload", message)
    return accepted


def check_times(given: Timing, now: datetime) -> None:
    """Check that the schedule fires at all, and within the calendar."""
    clock = f"it is {now:%Y-%m-%d %H:%M} UTC now"
    if given.recurring and (given.recurring.rate or MAX_RATE) > MAX_RATE:
        message = (
            f"{given.expression!r} is more than {MAX_RATE.days} days: write a cron expression with a year"
        )
        raise ScheduleError("expression", message)
    for field, at in (("expression", given.at), ("starts_at", given.starts_at), ("ends_at", given.ends_at)):
        if at and at >= cron.END:
            message = f"{at.isoformat()} is too far ahead: write a time before the year {cron.END.year}"
            raise ScheduleError(field, message)
    for field, at in (("ends_at", given.ends_at), ("expression", given.at)):
        if at and at <= now:
            shown = at.isoformat() if field == "ends_at" else repr(given.expression)
            raise ScheduleError(field, f"{shown} is in the past, {clock}: write a later time")
    if not given.is_over(now):
        return
    if given.ends_at and not replace(given, ends_at=None).is_over(now):
        message = f"the schedule has no time before {given.ends_at.isoformat()}: write a later time, or leave it out"
        raise ScheduleError("ends_at", message)
    if given.starts_at and not replace(given, starts_at=None).is_over(now):
        start = given.starts_at.isoformat()
        message = f"the schedule has no time from {start} on: write an earlier time, or leave it out"
        raise ScheduleError("starts_at", message)
    raise ScheduleError(
        "expression", f"{given.expression!r} has no time that is still to come: write another one"
    )
