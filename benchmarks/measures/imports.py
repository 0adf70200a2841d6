"""What a cold start costs before its first line of work: a fresh interpreter, and all that a module imports.

A figure is the time from starting the process to its module being there; how long it then takes to end does not
count. Bytecode is compiled, as `make build` puts it beside the code; where it is not, the title says so.
"""

import json
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.harness import Database, Measure, Stage, at_most_above, in_turns, times_better
from benchmarks.measures.starts import Start
from local import ROOT
from local.processes import inherited_environment

PEERS = ROOT / "benchmarks" / "peers"
LIMITS = ROOT / "benchmarks" / "limits"
OURS = (ROOT / "functions", ROOT / "layers" / "common")
OTHERS = "jobs_api console daily_summary db_cleanup mail_test dispatcher notifier migrate".split()
TITLE = "the first record"
INSERT = (
    "INSERT INTO {table} (title, created_at, expiry_date) VALUES (:title, now(), now() + interval '1 day')"
)


def guarantees(stage: Stage) -> None:
    """Ours and the peer answer the first request alike; a first run succeeds."""
    ours, theirs, run = _first_calls(stage)
    for start in (ours, theirs):
        start.answered()
        assert start.answer["statusCode"] == 200, start.answer
        assert json.loads(start.answer["body"])["title"] == TITLE
    run.answered()
    assert run.answer["state"] == "succeeded", run.answer


def measure(stage: Stage) -> Iterator[Measure]:
    # A start is short, and what else the machine does shows: more rounds than elsewhere.
    rounds = stage.rounds if stage.short else 3 * stage.rounds
    database = stage.database()
    yield from _api(stage, database, rounds)
    yield from _job(stage, database, rounds)
    yield _others(stage, database)
    yield from _first_answers(stage, rounds)


def _api(stage: Stage, database: Database, rounds: int) -> Iterator[Measure]:
    starts = {
        "slowmatch": _ours(stage, database, "records_api"),
        "fastapi": _fastapi(stage, database),
        "limit": Start(stage.python, "imports_resolver", [LIMITS], _powertools(database)),
    }
    series = in_turns(rounds, {name: start.imported for name, start in starts.items()})
    yield Measure(
        "imports_api",
        "cold import of the API function",
        "ms",
        series=series,
        goals=[times_better(series, "slowmatch", "fastapi", 3)],
        note=f"The limit is Powertools' resolver alone. {_inside(starts)}",
    )
    yield _no_bytecode(stage, {name: starts[name] for name in ("slowmatch", "fastapi")}, "API")


def _job(stage: Stage, database: Database, rounds: int) -> Iterator[Measure]:
    starts = {
        "slowmatch": _ours(stage, database, "record_expiry"),
        "celery": _peer_job(stage, database, "celery_job"),
        "procrastinate": _peer_job(stage, database, "procrastinate_worker"),
        "limit": Start(stage.python, "pg8000.native", [], {}),
    }
    series = in_turns(rounds, {name: start.imported for name, start in starts.items()})
    yield Measure(
        "imports_job",
        "cold import of a job function",
        "ms",
        series=series,
        goals=[
            at_most_above(series, "slowmatch", "limit", 80, "ms"),
            times_better(series, "slowmatch", "celery", 1),
            times_better(series, "slowmatch", "procrastinate", 1),
        ],
        note=f"The job is the expiry of records. The limit is Python with pg8000. {_inside(starts)}",
    )
    yield _no_bytecode(stage, {"slowmatch": starts["slowmatch"], "celery": starts["celery"]}, "job")


def _no_bytecode(stage: Stage, starts: Mapping[str, Start], what: str) -> Measure:
    return Measure(
        f"imports_{what.lower()}_without_bytecode",
        f"the same of the {what} function, without bytecode",
        "ms",
        series=in_turns(stage.rounds, {name: start.without_bytecode for name, start in starts.items()}),
    )


def _others(stage: Stage, database: Database) -> Measure:
    starts = {name: _ours(stage, database, name) for name in OTHERS}
    series = in_turns(stage.rounds, {name: start.imported for name, start in starts.items()})
    return Measure("imports_others", "cold import of the other functions", "ms", series=series)


def _first_answers(stage: Stage, rounds: int) -> Iterator[Measure]:
    ours, theirs, run = _first_calls(stage)
    series = in_turns(rounds, {"slowmatch": ours.answered, "fastapi": theirs.answered})
    yield Measure(
        "first_request",
        "cold start to the first record read",
        "ms",
        series=series,
        goals=[times_better(series, "slowmatch", "fastapi", 1)],
        note="Import, connecting and the answer. Slowmatch also fetches the password from Secrets Manager"
        " (a stub that answers at once); the peer has it in its environment.",
    )
    series = in_turns(rounds, {"slowmatch": run.answered})
    yield Measure("first_run", "cold start to the first run of a job ended", "ms", series=series)


def _first_calls(stage: Stage) -> tuple[Start, Start, Start]:
    """Reading record 1 with ours and with the peer, and one run of the expiry."""
    database = stage.database()
    python = stage.peer("fastapi_app")
    create = "import tables; tables.Base.metadata.create_all(tables.engine)"
    env = inherited_environment() | {"DATABASE_URL": database.url}
    subprocess.run([python, "-c", create], cwd=PEERS / "fastapi_app", env=env, check=True)
    connection = database.connect()
    for table in ("record", "fastapi_record"):
        connection.run(INSERT.format(table=table), title=TITLE)
    connection.close()
    get = ROOT / "events" / "records_api" / "get.json"
    run = ROOT / "events" / "record_expiry" / "direct-empty.json"
    return (
        _ours(stage, database, "records_api", get),
        _fastapi(stage, database, get),
        _ours(stage, database, "record_expiry", run),
    )


def _ours(stage: Stage, database: Database, function: str, event: Path | None = None) -> Start:
    env = database.env | {"AWS_LAMBDA_RUNTIME_API": "there"}  # by which code knows where it is
    return Start(stage.python, f"{function}.app", OURS, env, event)


def _fastapi(stage: Stage, database: Database, event: Path | None = None) -> Start:
    python = stage.peer("fastapi_app")
    return Start(python, "app", [PEERS / "fastapi_app"], {"DATABASE_URL": database.url}, event)


def _peer_job(stage: Stage, database: Database, name: str) -> Start:
    return Start(stage.peer(name), "job", [PEERS / name], {"DATABASE_URL": database.url})


def _powertools(database: Database) -> dict[str, str]:
    return {name: value for name, value in database.env.items() if name.startswith("POWERTOOLS_")}


def _inside(starts: Mapping[str, Start]) -> str:
    """Without the interpreter's own start, which is the same for all."""
    medians = ", ".join(f"{name} {statistics.median(start.inside):.0f}" for name, start in starts.items())
    return f"From the process's first line on, in ms: {medians}."
