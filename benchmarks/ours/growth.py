"""What people and workers ask all day, each question as its page, its API route or its worker asks it."""

import json
from collections.abc import Callable
from datetime import timedelta
from time import perf_counter

from benchmarks.peers.protocol import serve
from slowmatch.db import connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.ids import first_run_id
from slowmatch.jobs.lifecycle import claim as claims
from slowmatch.jobs.queries import health, job_summaries, queue_depths, runs
from slowmatch.jobs.run_filter import RunFilter
from slowmatch.records import search
from slowmatch.records.model import Position, Status

JOB = "record-expiry"
PAGE = 50
_MIDDLE = """
    SELECT id, expiry_date FROM record
    WHERE id >= (SELECT max(id) / 2 FROM record) AND NOT is_expired ORDER BY id LIMIT 1
"""


_WHOLE = """
    SELECT relname, seq_scan FROM pg_stat_user_tables
    WHERE relname IN ('record', 'job_run', 'job_attempt', 'job_event')
"""


class Undone(Exception):
    """Takes back what a question wrote."""


def claim() -> float:
    """A new run, whose claim alone is timed; both are undone."""
    con = connection()
    took = 0.0
    try:
        with con.transaction():
            run_id = enqueue(con, JOB).run_id
            now = con.now()
            lease = claims.Lease(
                worker="benchmark", request_id="benchmark", since=now, until=now + timedelta(minutes=3)
            )
            began = perf_counter()
            claimed = claims.claim(con, JOB, run_id, attempt=1, lease=lease)
            took = perf_counter() - began
            assert claimed is not None
            raise Undone
    except Undone:
        return took


def _records(status: Status = "all", q: str | None = None, deep: bool = False) -> Callable[[], float]:
    def look() -> float:
        after = Position(*connection().query(_MIDDLE)[0]) if deep else None
        now = connection().now()
        return _timed(lambda: search.page(connection(), status, now, q=q, after=after, limit=PAGE))

    return look


def _runs(wanted: RunFilter, deep: bool = False) -> Callable[[], float]:
    def look() -> float:
        before = first_run_id(connection().now() - timedelta(days=14)) if deep else None
        return _timed(lambda: runs.page(connection(), wanted, before, PAGE))

    return look


def _timed(action: Callable[[], object]) -> float:
    connection().query("SELECT pg_current_xact_id()")  # a write: nothing kept from before may be used
    began = perf_counter()
    action()
    return perf_counter() - began


QUESTIONS: dict[str, Callable[[], float]] = {
    "claim a run": claim,
    "records, first page": _records(),
    "records, a page in the middle": _records(deep=True),
    "active records, first page": _records("active"),
    "active records, a page in the middle": _records("active", deep=True),
    "expired records, first page": _records("expired"),
    "search, a common word": _records(q="visa"),
    "search, a rare word": _records(q="certificate heirloom"),
    "search, one title of 100,000": _records(q="passport 4242"),
    "search, no such word": _records(q="zeppelin"),
    "search, a rare sign": _records(q="🔥"),
    "search, no such sign": _records(q="%"),
    "counters of records": lambda: _timed(lambda: search.status_counts(connection(), connection().now())),
    "counters of runs": lambda: _timed(lambda: runs.counts(connection())),
    "runs, first page": _runs(RunFilter()),
    "runs, a page in the middle": _runs(RunFilter(), deep=True),
    "failed runs of a job": _runs(RunFilter(state="failed", job=JOB)),
    "runs by hand": _runs(RunFilter(trigger="console")),
    "runs with a kind of error": _runs(RunFilter(error_type="Unavailable")),
    "runs, search of a common word": _runs(RunFilter(text="database")),
    "runs, search of a less common word": _runs(RunFilter(text="timeout")),
    "runs, no such word": _runs(RunFilter(text="zeppelin")),
    "figures of the API": lambda: _timed(lambda: health.stats(connection(), connection().now(), 24)),
    "alerts": lambda: _timed(lambda: health.facts(connection(), connection().now())),
    "queues": lambda: _timed(lambda: queue_depths.waiting_runs(connection(), connection().now())),
    "cards of the jobs": lambda: _timed(lambda: job_summaries.list_jobs(connection(), connection().now())),
}


def ask(question: str, times: int) -> float:
    """The median of so many answers."""
    took = sorted(QUESTIONS[question]() for _ in range(times))
    return took[len(took) // 2]


def questions() -> dict[str, list[str]]:
    return {"questions": list(QUESTIONS)}


def whole_tables_read() -> dict[str, int]:
    """How often this process read a whole table of those that grow."""
    con = connection()
    con.query("SELECT pg_stat_force_next_flush()")
    return dict(con.query(_WHOLE))


def found() -> dict[str, int]:
    """How many records on the first page of each search."""
    searches = ("visa", "certificate heirloom", "zeppelin", "🔥", "%")
    con = connection()
    pages = {q: search.page(con, "all", con.now(), q=q, limit=PAGE).items for q in searches}
    return {q: len(json.loads(items)) for q, items in pages.items()}


if __name__ == "__main__":
    serve({"ask": ask, "questions": questions, "found": found, "whole_tables_read": whole_tables_read})
