"""The rows of the charts, which leave out times before anything was counted."""

from datetime import UTC, datetime
from typing import Any

from console.web.request import current_request
from slowmatch.db import Connection
from slowmatch.http.errors import Problem
from slowmatch.jobs.queries import metrics

_NOT_COUNTS = ("at", "until", "complete")
Rows = list[dict[str, Any]]


def window() -> str:
    """The time span in the query. Raises Problem 422 for an unknown one."""
    name = current_request().query.get("window", "24h")
    if name not in metrics.WINDOWS:
        reason = f"window must be one of {', '.join(metrics.WINDOWS)}, not {name[:40]!r}"
        raise Problem(422, "No such time span", reason)
    return name


def realtime(con: Connection, now: datetime) -> Rows:
    """The spans of the last minute in which a run ended; without the others, an idle page stays the same."""
    return [row for row in metrics.realtime(con, now) if has_counts(row)]


def runs(con: Connection, now: datetime, span: str, job: str | None = None) -> Rows:
    """Runs over time, with None for each count from before the first; empty if nothing was counted yet."""
    return _without_uncounted(metrics.history(con, now, span, job), metrics.first_counted_hour(con, "runs"))


def records(con: Connection, now: datetime, span: str) -> Rows:
    """Records over time, as `runs`."""
    history = metrics.record_history(con, now, span)
    return _without_uncounted(history, metrics.first_counted_hour(con, "records"))


def _without_uncounted(rows: Rows, since: datetime | None) -> Rows:
    """`rows` with None instead of the zeros of the time before `since`: nobody counted then."""
    if since is None and not any(map(has_counts, rows)):
        return []
    ends = [datetime.fromisoformat(row["at"]) for row in rows[1:]] + [datetime.max.replace(tzinfo=UTC)]
    first = next(i for i, row in enumerate(rows) if has_counts(row) or (since and ends[i] > since))
    unknown = [
        {name: value if name in _NOT_COUNTS else None for name, value in row.items()} for row in rows[:first]
    ]
    return unknown + rows[first:]


def has_counts(row: dict[str, Any]) -> bool:
    """Whether anything was counted in the span of a row."""
    return any(value for name, value in row.items() if name not in _NOT_COUNTS)
