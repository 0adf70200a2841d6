"""Failures in groups: runs of a job whose errors are the same but for numbers, identifiers and quoted values."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

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


class SameError(NamedTuple):
    """The runs of a job that failed or are retried with the same error, as it is written."""

    job: str
    error: str
    failed: int
    failed_24h: int
    retrying: int
    waiting: int
    next_at: datetime | None
    first_at: datetime
    last_at: datetime
    run_id: str


def group_failures(rows: Iterable[SameError]) -> list[FailureGroup]:
    """The groups of errors that are the same when normalised. The rows begin with the latest failure."""
    groups: dict[tuple[str, str, str], list[SameError]] = defaultdict(list)
    failed, retrying = Counter[str](), Counter[str]()
    for row in rows:
        groups[(row.job, *error_parts(row.error))].append(row)
        failed[row.job] += row.failed
        retrying[row.job] += row.retrying
    return [
        FailureGroup(
            id=group_id(job, error_type, message),
            job=job,
            error_type=error_type,
            message=message,
            error=same[0].error,
            run_id=same[0].run_id,
            failed=min(sum(row.failed for row in same), MAX_RUNS),
            failed_24h=sum(row.failed_24h for row in same),
            retrying=min(sum(row.retrying for row in same), MAX_RUNS),
            waiting=sum(row.waiting for row in same),
            capped=max(failed[job], retrying[job]) > MAX_RUNS,
            next_at=min((row.next_at for row in same if row.next_at), default=None),
            first_at=min(row.first_at for row in same),
            last_at=same[0].last_at,
        )
        for (job, error_type, message), same in groups.items()
    ]
