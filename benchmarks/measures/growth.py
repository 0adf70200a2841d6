"""Claims, pages, searches and counters with ten thousand rows, and with ten million."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

from benchmarks.harness.bench import Bench, Database
from benchmarks.harness.program import Program
from benchmarks.harness.results import Measure, within
from benchmarks.measures import many_records, many_runs

FEW = 10_000
MANY = 10_000_000
"""Records, and as many runs, each with attempts and events: four rows."""
DRAWN = 100_000
SHORT_FEW, SHORT_MANY, SHORT_DRAWN = 1_000, 10_000, 5_000
TIMES = 7
SHARES = 5
"""Parts of a round: if the machine slows down, it affects one part instead of a long round."""
MAX_RATIO = 1.5

HEIRLOOMS = "UPDATE record SET title = 'Heirloom ' || title WHERE title LIKE '%🔥'"
"""A word in ten titles, however many records there are."""


def guarantees(bench: Bench) -> None:
    """Searches find exactly the records that match."""
    database = _records(bench, FEW)
    with _ours(bench, database) as ours:
        assert ours.ask(do="found") == {
            "visa": 50,
            "certificate heirloom": 10,
            "zeppelin": 0,
            "🔥": 10,
            "%": 0,
        }
    bench.drop(database)


def measure(bench: Bench) -> Iterator[Measure]:
    with ExitStack() as stack:
        few, many = (
            _loaded(bench, stack, rows) for rows in ((SHORT_FEW, SHORT_MANY) if bench.short else (FEW, MANY))
        )
        for question in few.ask(do="questions")["questions"]:
            before = many.ask(do="whole_tables_read")
            yield _measured(bench, question, few, many)
            after = many.ask(do="whole_tables_read")
            assert bench.short or after == before, f"{question} reads a whole table: {before}, then {after}"


def _measured(bench: Bench, question: str, few: Program, many: Program) -> Measure:
    times, rounds = (2, bench.rounds) if bench.short else (TIMES, SHARES * bench.rounds)
    for each in (few, many):
        each.ask(do="ask", question=question, times=3 * times)
    turns = [
        [float(each.ask(do="ask", question=question, times=times)["seconds"]) * 1000 for each in (many, few)]
        for _ in range(rounds)
    ]
    series = {"Slowmatch": [turn[0] for turn in turns], f"with {FEW:,}": [turn[1] for turn in turns]}
    return Measure(
        f"growth-{question.replace(',', '').replace(' ', '-')}",
        question,
        "ms",
        series=series,
        goals=[within(series, f"with {FEW:,}", MAX_RATIO)],
    )


def _loaded(bench: Bench, stack: ExitStack, rows: int) -> Program:
    database = _records(bench, rows)
    stack.callback(bench.drop, database)
    many_runs.runs(bench, database, rows, SHORT_DRAWN if bench.short else DRAWN)
    return stack.enter_context(_ours(bench, database))


def _records(bench: Bench, rows: int) -> Database:
    database = many_records.records(bench, rows)
    with closing(database.connect()) as con:
        con.run(HEIRLOOMS)
    return database


def _ours(bench: Bench, database: Database) -> Program:
    return Program("Slowmatch", [bench.python, "-m", "benchmarks.ours.growth"], database.env)
