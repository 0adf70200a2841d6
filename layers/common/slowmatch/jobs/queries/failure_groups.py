"""Failures in groups: runs of a job whose errors are the same but for numbers, identifiers and quoted values."""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from slowmatch.jobs.lifecycle.mute import Mute

MAX_RUNS = 250
"""How many failed runs of a job are looked at, the latest, and how many of its retried ones, the next."""
ERROR_CHARACTERS = 400
"""A run belongs to a group by so much of its error,"""
MESSAGE_CHARACTERS = 200
"""and so much of the normalised message."""

_VARIABLE = re.compile(
    r"""
    "[^"\n]*" | (?<!\w)'[^'\n]*'(?!\w)                  # quoted values; the apostrophe in "don't" quotes nothing
    | \b0x[0-9a-f]+\b
    | \b(?=[a-f-]*\d)[0-9a-f]{4,}(?:-?[0-9a-f]{4,})*\b  # UUIDs and other hexadecimal numbers
    | \d+(?:[.,:]\d+)*
    """,
    re.VERBOSE | re.IGNORECASE,
)


def normalize(message: str) -> str:
    """The message with "…" for numbers, identifiers and quoted values, which differ from one failure to the next."""
    return " ".join(_VARIABLE.sub("…", message).split())[:MESSAGE_CHARACTERS]


def error_parts(error: str) -> tuple[str, str]:
    """The error type and the normalised message of a run's error, "Type: message"."""
    error_type, _, message = error.partition(": ")
    return error_type, normalize(message)


def group_id(job: str, error_type: str, message: str) -> str:
    """What names a group in addresses."""
    return hashlib.blake2b("\0".join((job, error_type, message)).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody knows about the failure, since `at`. It counts until the failure occurs again."""

    at: datetime
    by: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Runs of a job that fail with the same error, apart from numbers, identifiers and quoted values.

    `failed` runs have ended, `retrying` ones wait for their next attempt or are in it; `waiting` of them can be started
    now, the first is due at `next_at`. `capped` says that there may be more. `error` is that of the run `run_id`, which
    failed last.
    """

    id: str
    job: str
    error_type: str
    message: str
    error: str
    run_id: str
    failed: int
    failed_24h: int
    retrying: int
    waiting: int
    capped: bool
    next_at: datetime | None
    first_at: datetime
    last_at: datetime
    acknowledged: Acknowledgement | None = None

    @property
    def runs(self) -> int:
        """How many runs can be retried or deleted."""
        return self.failed + min(self.waiting, self.retrying)


@dataclass(frozen=True)
class FailingJob:
    """A job with runs that failed or are retried, the latest failure first.

    `counted_since` is the first failure after its last success, at `succeeded_at`. Failures from before they were
    counted have none.
    """

    job: str
    groups: list[FailureGroup]
    counted_since: datetime | None
    succeeded_at: datetime | None
    mute: Mute | None

    @cached_property
    def open(self) -> list[FailureGroup]:
        """The groups that nobody has acknowledged."""
        return [group for group in self.groups if not group.acknowledged]

    @cached_property
    def acknowledged(self) -> list[FailureGroup]:
        return [group for group in self.groups if group.acknowledged]

    @cached_property
    def is_failing(self) -> bool:
        """Whether the job's latest attempt failed, and nobody has acknowledged that."""
        return bool(self.open) and not self.works_again

    @cached_property
    def works_again(self) -> bool:
        """Runs that were queued again no longer count as failed, but have not succeeded yet either."""
        if self.counted_since or self.succeeded_at is None:
            return False
        return self.succeeded_at > max(each.last_at for each in self.groups)

    @cached_property
    def since(self) -> datetime | None:
        """The first failure after the last success, or of all that are known."""
        if self.counted_since:
            return self.counted_since
        first = [group.first_at for group in self.open]
        later = [at for at in first if self.succeeded_at is None or at > self.succeeded_at]
        last = [group.last_at for group in self.open]
        return min(later or last, default=None)

    @property
    def failed(self) -> int:
        return sum(group.failed for group in self.open)

    @property
    def retrying(self) -> int:
        return sum(group.retrying for group in self.open)

    @property
    def capped(self) -> bool:
        return any(group.capped for group in self.groups)

    @property
    def next_at(self) -> datetime | None:
        return min((group.next_at for group in self.open if group.next_at), default=None)


def group_failures(rows: list[list[Any]]) -> list[FailureGroup]:
    """The groups of the rows of `failing.FAILURES`, which have errors as they are written, the latest first."""
    groups: dict[str, FailureGroup] = {}
    looked_at: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for job, error, failed, failed_24h, retrying, waiting, next_at, first_at, last_at, run_id in rows:
        looked_at[job][0] += failed
        looked_at[job][1] += retrying
        error_type, message = error_parts(error)
        key = group_id(job, error_type, message)
        known = groups.get(key)
        groups[key] = FailureGroup(
            id=key,
            job=job,
            error_type=error_type,
            message=message,
            error=known.error if known else error,
            run_id=known.run_id if known else run_id,
            failed=failed + (known.failed if known else 0),
            failed_24h=failed_24h + (known.failed_24h if known else 0),
            retrying=retrying + (known.retrying if known else 0),
            waiting=waiting + (known.waiting if known else 0),
            capped=False,
            next_at=min(filter(None, (next_at, known and known.next_at)), default=None),
            first_at=min(first_at, known.first_at) if known else first_at,
            last_at=known.last_at if known else last_at,
        )
    capped = {job for job, numbers in looked_at.items() if max(numbers) > MAX_RUNS}
    return [
        replace(
            group, capped=True, failed=min(group.failed, MAX_RUNS), retrying=min(group.retrying, MAX_RUNS)
        )
        if group.job in capped
        else group
        for group in groups.values()
    ]
