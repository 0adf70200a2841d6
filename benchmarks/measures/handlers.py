"""The warm records API: its handler is called with API Gateway's events, beside that of the peer.

Both get the same events and have the same rows, in separate tables of one database.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.bench import Bench, Database
from benchmarks.harness.program import Program
from benchmarks.harness.results import Measure, in_turns, times_better, within
from benchmarks.measures.api_events import EVENTS, assert_alike, signed
from local import ROOT
from tests.support.issuer import CLIENT_ID, serving

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
    """A row of the table: the event, calls in a round, the factor to be ahead by, and the floor's name."""

    name: str
    title: str
    times: int
    ahead: float
    floor: str
    note: str = ""


SHARES = 8
"""Parts of a round: if the machine slows down, it affects one part instead of a long round."""
ROWS = (
    Row("get", "read one record", 80, 8, "bare SELECT"),
    Row("list", "list 50 records", 40, 5, "bare SELECT"),
    Row(
        "create",
        "create a record",
        40,
        5,
        "bare INSERT",
        "Slowmatch also records who created it and emits a metric.",
    ),
)


@dataclass(frozen=True)
class Programs:
    """Processes on one database. `signed_in` is Slowmatch under AUTH=oidc, `token` is valid for it."""

    slowmatch: Program
    fastapi: Program
    floor: Program
    signed_in: Program
    token: str


def measure(bench: Bench) -> Iterator[Measure]:
    with _programs(bench) as programs:
        for row in ROWS:
            yield _row(bench, programs, row)
        yield _signed_in(bench, programs)


def guarantees(bench: Bench) -> None:
    """Both give the same answers, and the floor reads the same record."""
    with _programs(bench) as programs:
        assert_alike(programs.slowmatch, programs.fastapi)
        ((record,),) = programs.floor.ask(do="answer", trip="get")["rows"]
        for each, event in (
            (programs.slowmatch, EVENTS["get"]),
            (programs.signed_in, signed(EVENTS["get"], programs.token)),
        ):
            found = each.ask(do="answer", event=event)["body"]
            assert found == f"{record}\n", f"{each.name} answers {found!r}, not {record!r} and a line feed"
        assert programs.signed_in.ask(do="answer", event=EVENTS["get"])["statusCode"] == 401


def _row(bench: Bench, programs: Programs, row: Row) -> Measure:
    event, times = EVENTS[row.name], _times(bench, row)
    series = in_turns(
        _rounds(bench),
        {
            "Slowmatch": _microseconds(programs.slowmatch, times, event=event),
            "FastAPI": _microseconds(programs.fastapi, times, event=event),
            row.floor: _microseconds(programs.floor, times, trip=row.name),
        },
    )
    goals = [
        times_better(series, "FastAPI", row.ahead),
        within(series, row.floor, 1.5),
    ]
    title = f"warm handler: {row.title}"
    return Measure(f"handler_{row.name}", title, "us", series=series, goals=goals, note=row.note)


def _signed_in(bench: Bench, programs: Programs) -> Measure:
    event, times = EVENTS["get"], _times(bench, ROWS[0])
    with_token = signed(event, programs.token)
    series = in_turns(
        _rounds(bench),
        {
            "Slowmatch": _microseconds(programs.signed_in, times, event=with_token),
            "without sign-in": _microseconds(programs.slowmatch, times, event=event),
        },
    )
    note = "Under AUTH=oidc the signature of the bearer token (RS256) is verified for every request."
    title = "warm handler: read one record, signed in"
    return Measure("handler_signed_in", title, "us", series=series, note=note)


def _rounds(bench: Bench) -> int:
    return bench.rounds if bench.short else SHARES * bench.rounds


def _times(bench: Bench, row: Row) -> int:
    return 5 if bench.short else row.times


def _microseconds(program: Program, times: int, **asked: Any) -> Callable[[], float]:
    """Time of one call."""
    return lambda: float(program.ask(do="repeat", times=times, **asked)["seconds"]) / times * 1_000_000


@contextmanager
def _programs(bench: Bench) -> Iterator[Programs]:
    database = _filled(bench)
    with serving() as issuer, ExitStack() as stack:
        issuer.reset()

        def enter(name: str, python: Any, module: str, env: Mapping[str, str]) -> Program:
            return stack.enter_context(Program(name, [python, "-m", f"benchmarks.{module}"], env))

        url = {"DATABASE_URL": database.url}
        paths = {"PYTHONPATH": f"{ROOT}:{PEER}"}
        oidc = {"AUTH": "oidc", "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": CLIENT_ID}
        programs = Programs(
            enter("Slowmatch", bench.python, "ours.records", database.env),
            enter("FastAPI", bench.peer("fastapi_app"), "peers.fastapi_app.program", url | paths),
            enter("floor", bench.python, "floors.records", url),
            enter("signed in", bench.python, "ours.records", database.env | oidc),
            issuer.access_token(groups=["viewer"]),
        )
        programs.fastapi.ask(do="install")
        yield programs
    bench.drop(database)


def _filled(bench: Bench) -> Database:
    database = bench.database()
    con = database.connect()
    con.run(FILL, count=400 if bench.short else 10_000)
    con.run("ANALYZE record")
    con.close()
    return database
