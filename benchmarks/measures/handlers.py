"""The records API, warm: its handler called by API Gateway's events as Lambda calls it, beside the peer's.

Both get the same events and have the same rows, each in a table of its own, in one database.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import Contestant, Database, Measure, Stage, in_turns, times_better, within
from benchmarks.measures.requests import EVENTS, assert_alike, signed
from local import ROOT
from tests.issuer import CLIENT_ID, serving

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


SHARES = 8
"""Each round in so many: this machine may slow down in the middle of a long one, and then only one of them is hit."""
ROWS = (
    Row("get", "read one record", 80, 8, "The limit is a bare prepared SELECT of the same JSON by id."),
    Row("list", "list 50 records", 40, 5, "The limit is a bare prepared SELECT of the same rows as JSON."),
    Row(
        "create",
        "create a record",
        40,
        5,
        "The limit is a bare prepared INSERT with its commit. Slowmatch also notes who created it and emits a"
        " metric.",
    ),
)


@dataclass(frozen=True)
class Company:
    """Processes on one database. `signed_in` is Slowmatch under AUTH=oidc, which `token` signs in to."""

    slowmatch: Contestant
    fastapi: Contestant
    limit: Contestant
    signed_in: Contestant
    token: str


def measure(stage: Stage) -> Iterator[Measure]:
    with _company(stage) as company:
        for row in ROWS:
            yield _row(stage, company, row)
        yield _signed_in(stage, company)


def guarantees(stage: Stage) -> None:
    """Both answer alike, and the limit brings what they do."""
    with _company(stage) as company:
        assert_alike(company.slowmatch, company.fastapi)
        ((record,),) = company.limit.ask(do="answer", trip="get")["rows"]
        for each, event in (
            (company.slowmatch, EVENTS["get"]),
            (company.signed_in, signed(EVENTS["get"], company.token)),
        ):
            found = each.ask(do="answer", event=event)["body"]
            assert found == record, f"{each.name} answers {found}, not {record}"
        assert company.signed_in.ask(do="answer", event=EVENTS["get"])["statusCode"] == 401


def _row(stage: Stage, company: Company, row: Row) -> Measure:
    event, times = EVENTS[row.name], _times(stage, row)
    series = in_turns(
        _rounds(stage),
        {
            "slowmatch": _microseconds(company.slowmatch, times, event=event),
            "fastapi": _microseconds(company.fastapi, times, event=event),
            "limit": _microseconds(company.limit, times, trip=row.name),
        },
    )
    goals = [
        times_better(series, "slowmatch", "fastapi", row.ahead),
        within(series, "slowmatch", "limit", 1.5),
    ]
    title = f"warm handler: {row.title}"
    return Measure(f"handler_{row.name}", title, "us", series=series, goals=goals, note=row.note)


def _signed_in(stage: Stage, company: Company) -> Measure:
    event, times = EVENTS["get"], _times(stage, ROWS[0])
    with_token = signed(event, company.token)
    series = in_turns(
        _rounds(stage),
        {
            "slowmatch": _microseconds(company.signed_in, times, event=with_token),
            "without sign-in": _microseconds(company.slowmatch, times, event=event),
        },
    )
    note = "Under AUTH=oidc the signature of the bearer token (RS256) is verified for every request."
    title = "warm handler: read one record, signed in"
    return Measure("handler_signed_in", title, "us", series=series, note=note)


def _rounds(stage: Stage) -> int:
    return stage.rounds if stage.short else SHARES * stage.rounds


def _times(stage: Stage, row: Row) -> int:
    return 5 if stage.short else row.times


def _microseconds(contestant: Contestant, times: int, **asked: Any) -> Callable[[], float]:
    """What one call takes."""
    return lambda: float(contestant.ask(do="repeat", times=times, **asked)["seconds"]) / times * 1_000_000


@contextmanager
def _company(stage: Stage) -> Iterator[Company]:
    database = _filled(stage)
    with serving() as issuer, ExitStack() as stack:
        issuer.reset()

        def enter(name: str, python: Any, module: str, env: Mapping[str, str]) -> Contestant:
            return stack.enter_context(Contestant(name, [python, "-m", f"benchmarks.{module}"], env))

        url = {"DATABASE_URL": database.url}
        paths = {"PYTHONPATH": f"{ROOT}:{PEER}"}
        oidc = {"AUTH": "oidc", "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": CLIENT_ID}
        company = Company(
            enter("slowmatch", stage.python, "ours.records", database.env),
            enter("fastapi", stage.peer("fastapi_app"), "peers.fastapi_app.contestant", url | paths),
            enter("limit", stage.python, "limits.records", url),
            enter("signed in", stage.python, "ours.records", database.env | oidc),
            issuer.access_token(groups=["viewer"]),
        )
        company.fastapi.ask(do="install")
        yield company
    stage.drop(database)


def _filled(stage: Stage) -> Database:
    database = stage.database()
    con = database.connect()
    con.run(FILL, count=400 if stage.short else 10_000)
    con.run("ANALYZE record")
    con.close()
    return database
