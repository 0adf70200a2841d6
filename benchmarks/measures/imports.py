"""Cold starts: a new interpreter imports a module.

A figure is the time from starting the process until the module is imported. Bytecode is compiled, as by `make build`,
unless the title says otherwise.
"""

import json
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.bench import Bench
from benchmarks.harness.results import Measure, at_most_above, in_turns, times_better
from benchmarks.measures import artifact
from benchmarks.measures.cold_start import Start, layer, packages, runtime
from local import ROOT
from local.processes import inherited_environment

PEERS = ROOT / "benchmarks" / "peers"
FLOORS = ROOT / "benchmarks" / "floors"
EVENTS = ROOT / "events"
OTHERS = "jobs_api console daily_summary db_cleanup send_test_mail dispatcher notifier migrate".split()
TITLE = "the first record"
INSERT = (
    "INSERT INTO {table} (title, created_at, expiry_date) VALUES (:title, now(), now() + interval '1 day')"
)


def guarantees(bench: Bench) -> None:
    """Slowmatch and the peer answer the first request alike; a first run succeeds."""
    with TemporaryDirectory() as folder:
        ours, theirs, run = Cold(bench, folder).first_calls()
        for start in (ours, theirs):
            start.answered()
            assert start.answer["statusCode"] == 200, start.answer
            assert json.loads(start.answer["body"])["title"] == TITLE
        run.answered()
        assert run.answer["state"] == "succeeded", run.answer


def measure(bench: Bench) -> Iterator[Measure]:
    # Starts are short and sensitive to disturbances, so there are more rounds than elsewhere.
    rounds = bench.rounds if bench.short else 3 * bench.rounds
    with TemporaryDirectory() as folder:
        cold = Cold(bench, folder)
        yield from _api(cold, rounds)
        yield from _job(cold, rounds)
        yield _others(cold)
        yield from _first_answers(cold, rounds)


class Cold:
    """Starts of functions with layer and runtime, and of peers with their packages, in Lambda's search order."""

    def __init__(self, bench: Bench, folder: str) -> None:
        self.bench = bench
        self._database = bench.database()
        places = [Path(folder) / name for name in ("layer", "runtime")]
        for place in places:
            place.mkdir()
        self._layer, self._runtime = layer(artifact.layer(bench), places[0]), runtime(places[1])

    def ours(self, function: str, event: Path | None = None) -> Start:
        functions = ROOT / "functions"
        # These tell the code that it runs in Lambda, and where the jobs are.
        env = self._database.env | {"AWS_LAMBDA_RUNTIME_API": "there", "LAMBDA_TASK_ROOT": str(functions)}
        folders = [functions, self._layer, self._runtime]
        return Start(self.bench.python, f"{function}.app", folders, env, event)

    def floor(self, module: str) -> Start:
        env = {name: value for name, value in self._database.env.items() if name.startswith("POWERTOOLS_")}
        return Start(self.bench.python, module, [FLOORS, self._layer], env)

    def peer(self, name: str, module: str, event: Path | None = None) -> Start:
        python = self.bench.peer(name)
        env = {"DATABASE_URL": self._database.url}
        return Start(python, module, [PEERS / name, packages(python)], env, event)

    def first_calls(self) -> tuple[Start, Start, Start]:
        """Reading record 1 with Slowmatch and with the peer, and one run of record-expiry."""
        create = "import tables; tables.Base.metadata.create_all(tables.engine)"
        env = inherited_environment() | {"DATABASE_URL": self._database.url}
        peer = self.bench.peer("fastapi_app")
        subprocess.run([peer, "-c", create], cwd=PEERS / "fastapi_app", env=env, check=True)
        with closing(self._database.connect()) as connection:
            for table in ("record", "fastapi_record"):
                connection.run(INSERT.format(table=table), title=TITLE)
        get = EVENTS / "records_api" / "get.json"
        run = EVENTS / "record_expiry" / "direct-empty.json"
        theirs = self.peer("fastapi_app", "app", get)
        return self.ours("records_api", get), theirs, self.ours("record_expiry", run)


def _api(cold: Cold, rounds: int) -> Iterator[Measure]:
    starts = {
        "Slowmatch": cold.ours("records_api"),
        "FastAPI": cold.peer("fastapi_app", "app"),
        "resolver alone": cold.floor("imports_resolver"),
    }
    series = in_turns(rounds, {name: start.imported for name, start in starts.items()})
    yield Measure(
        "imports_api",
        "cold import of the API function",
        "ms",
        series=series,
        goals=[times_better(series, "FastAPI", 3)],
        note=f"The resolver is that of Powertools. {_inside(starts)}",
    )
    yield _no_bytecode(cold, {name: starts[name] for name in ("Slowmatch", "FastAPI")}, "API")


def _job(cold: Cold, rounds: int) -> Iterator[Measure]:
    starts = {
        "Slowmatch": cold.ours("record_expiry"),
        "Celery": cold.peer("celery_job", "job"),
        "procrastinate": cold.peer("procrastinate_worker", "job"),
        "Python with pg8000": cold.floor("pg8000.native"),
    }
    series = in_turns(rounds, {name: start.imported for name, start in starts.items()})
    yield Measure(
        "imports_job",
        "cold import of a job function",
        "ms",
        series=series,
        goals=[
            at_most_above(series, "Python with pg8000", 80, "ms"),
            times_better(series, "Celery", 1),
            times_better(series, "procrastinate", 1),
        ],
        note=f"The job is record-expiry. {_inside(starts)}",
    )
    yield _no_bytecode(cold, {"Slowmatch": starts["Slowmatch"], "Celery": starts["Celery"]}, "job")


def _no_bytecode(cold: Cold, starts: Mapping[str, Start], what: str) -> Measure:
    return Measure(
        f"imports_{what.lower()}_without_bytecode",
        f"the same of the {what} function, without bytecode",
        "ms",
        series=in_turns(cold.bench.rounds, {name: start.without_bytecode for name, start in starts.items()}),
    )


def _others(cold: Cold) -> Measure:
    starts = {name: cold.ours(name) for name in OTHERS}
    series = in_turns(cold.bench.rounds, {name: start.imported for name, start in starts.items()})
    return Measure("imports_others", "cold import of the other functions", "ms", series=series)


def _first_answers(cold: Cold, rounds: int) -> Iterator[Measure]:
    ours, theirs, run = cold.first_calls()
    series = in_turns(rounds, {"Slowmatch": ours.answered, "FastAPI": theirs.answered})
    yield Measure(
        "first_request",
        "cold start to the first record read",
        "ms",
        series=series,
        goals=[times_better(series, "FastAPI", 1)],
        note="Import, connecting and the answer. Slowmatch also fetches the password from Secrets Manager"
        " (a stub that answers immediately); the peer has it in its environment.",
    )
    series = in_turns(rounds, {"Slowmatch": run.answered})
    yield Measure("first_run", "cold start to the first run of a job ended", "ms", series=series)


def _inside(starts: Mapping[str, Start]) -> str:
    """The medians without the start of the interpreter."""
    medians = ", ".join(f"{name} {statistics.median(start.inside):.0f}" for name, start in starts.items())
    return f"From the process's first line on, in ms: {medians}."
