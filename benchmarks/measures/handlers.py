"""The records API, warm: its handler called by API Gateway's events as Lambda calls it, beside the peer's.

Both get the same events and have the same rows, each in a table of its own, in one database.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import Contestant, Measure, Stage, in_turns, times_better, within
from benchmarks.measures.requests import EVENTS, assert_alike
from local import ROOT

PEER = ROOT / "benchmarks" / "peers" / "fastapi_app"
FILL = """
    INSERT INTO record (title, created_at, expiry_date, is_expired)
    SELECT 'record ' || n,
        now() - make_interval(secs => n),
        now() + make_interval(hours => n - CAST(:count AS int) / 2),
        n <= CAST(:count AS int) / 2
    FROM generate_series(1, CAST(:count AS int)) AS n
"""


@dataclass(frozen=True)
class Row:
    """A line of the table: what is asked so many times a round, how far ahead, and what the limit is."""

    name: str
    title: str
    times: int
    ahead: float
    note: str


ROWS = (
    Row("get", "read one record", 400, 8, "The limit is a bare prepared SELECT of the same JSON by id."),
    Row("list", "list 50 records", 200, 5, "The limit is a bare prepared SELECT of the same rows as JSON."),
    Row(
        "create",
        "create a record",
        100,
        5,
        "The limit is a bare prepared INSERT with its commit. Slowmatch also notes who created it and emits a"
        " metric.",
    ),
)


def measure(stage: Stage) -> Iterator[Measure]:
    with _company(stage) as (ours, peer, limit):
        for row in ROWS:
            times = 5 if stage.short else row.times
            series = in_turns(
                stage.rounds,
                {
                    "slowmatch": _microseconds(ours, times, event=EVENTS[row.name]),
                    "fastapi": _microseconds(peer, times, event=EVENTS[row.name]),
                    "limit": _microseconds(limit, times, trip=row.name),
                },
            )
            goals = [
                times_better(series, "slowmatch", "fastapi", row.ahead),
                within(series, "slowmatch", "limit", 1.5),
            ]
            title = f"warm handler: {row.title}"
            yield Measure(f"handler_{row.name}", title, "us", series=series, goals=goals, note=row.note)


def guarantees(stage: Stage) -> None:
    """Both answer alike, and the limit brings what they do."""
    with _company(stage) as (ours, peer, limit):
        assert_alike(ours, peer)
        ((record,),) = limit.ask(do="answer", trip="get")["rows"]
        assert record == ours.ask(do="answer", event=EVENTS["get"])["body"]


def _microseconds(contestant: Contestant, times: int, **asked: Any) -> Callable[[], float]:
    """What one call takes."""
    return lambda: float(contestant.ask(do="repeat", times=times, **asked)["seconds"]) / times * 1_000_000


@contextmanager
def _company(stage: Stage) -> Iterator[tuple[Contestant, Contestant, Contestant]]:
    """Slowmatch, the peer and the limit."""
    database = stage.database()
    con = database.connect()
    con.run(FILL, count=400 if stage.short else 10_000)
    con.run("ANALYZE record")
    con.close()
    url = {"DATABASE_URL": database.url}
    paths = {"PYTHONPATH": f"{ROOT}:{PEER}"}
    peer = stage.peer("fastapi_app"), "benchmarks.peers.fastapi_app.contestant"
    with (
        Contestant("slowmatch", [stage.python, "-m", "benchmarks.ours.records"], database.env) as ours,
        Contestant("fastapi", [peer[0], "-m", peer[1]], url | paths) as fastapi,
        Contestant("limit", [stage.python, "-m", "benchmarks.limits.records"], url) as limit,
    ):
        fastapi.ask(do="install")
        yield ours, fastapi, limit
    stage.drop(database)
