"""What the charts show: windows of time asked for by name, and figures of times in which somebody counted."""

from datetime import datetime
from typing import Any

from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.http.errors import Problem
from slowmatch.jobs.queries import metrics

WINDOW = "24h"
Rows = list[dict[str, Any]]


def window(request: Request) -> str:
    """The window that `request` asks for. Raises Problem 422 for one that is not there."""
    name = request.query.get("window", WINDOW)
    if name not in metrics.WINDOWS:
        raise Problem(
            422, "No such time span", f"window must be one of {', '.join(metrics.WINDOWS)}, not {name[:40]!r}"
        )
    return name


def realtime(con: Connection, now: datetime) -> Rows:
    """The spans of the last minute in which a run ended; while none does, the answer stays the same."""
    return [row for row in metrics.realtime(con, now) if _any(row)]


def history(con: Connection, now: datetime, span: str, job: str | None = None) -> Rows:
    """Runs over time; None in place of each figure from before anything was counted, [] if nothing is yet."""
    return counted(metrics.history(con, now, span, job), metrics.first_counted_hour(con, "runs"))


def records(con: Connection, now: datetime, span: str) -> Rows:
    """Records over time, as `history`."""
    return counted(metrics.record_history(con, now, span), metrics.first_counted_hour(con, "records"))


def counted(rows: Rows, since: datetime | None) -> Rows:
    """`rows` without the zeros of the time before `since`, when nobody counted."""
    ends = [datetime.fromisoformat(row["at"]) for row in rows[1:]]
    known = [since is not None and end > since for end in ends] + [since is not None]
    began = next((index for index, row in enumerate(rows) if known[index] or _any(row)), None)
    if began is None:
        return []
    return [_unknown(row) if index < began else row for index, row in enumerate(rows)]


def _any(row: dict[str, Any]) -> bool:
    return any(value for name, value in row.items() if name not in _ABOUT)


def _unknown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if name in _ABOUT else None for name, value in row.items()}


_ABOUT = ("at", "complete")
