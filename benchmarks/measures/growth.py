"""What a claim, a page, a search and a counter cost with ten thousand rows, and with ten million."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.harness import Contestant, Database, Goal, Measure, Stage
from benchmarks.measures import crowd

FEW = 10_000
RECORDS, RUNS = 10_000_000, 1_000_000
"""Runs come with attempts and events: four rows each."""
SHORT_RECORDS, SHORT_RUNS = 20_000, 2_000
TIMES = 21
MOST = 1.5


def guarantees(stage: Stage) -> None:
    """Searches find what is there, and nothing else, however many records there are."""
    database = crowd.records(stage, FEW)
    with _ours(stage, database) as ours:
        assert ours.ask(do="found") == {"visa": 50, "zeppelin": 0, "🔥": 10, "%": 0}
    stage.drop(database)


def measure(stage: Stage) -> Iterator[Measure]:
    records, runs = (SHORT_RECORDS, SHORT_RUNS) if stage.short else (RECORDS, RUNS)
    with ExitStack() as stack:
        few = _loaded(stage, stack, FEW, min(FEW, runs))
        many = _loaded(stage, stack, records, runs)
        for question in few.ask(do="questions")["questions"]:
            before = many.ask(do="whole_tables_read")
            yield _measured(stage, question, few, many, records, runs)
            after = many.ask(do="whole_tables_read")
            assert stage.short or after == before, f"{question} reads a whole table: {before}, then {after}"


def _measured(
    stage: Stage, question: str, few: Contestant, many: Contestant, records: int, runs: int
) -> Measure:
    times = 2 if stage.short else TIMES
    for each in (few, many):
        each.ask(do="ask", question=question, times=times)
    turns = [
        [float(each.ask(do="ask", question=question, times=times)["seconds"]) * 1000 for each in (many, few)]
        for _ in range(stage.rounds)
    ]
    series = {"slowmatch": [turn[0] for turn in turns], f"at {FEW:,}": [turn[1] for turn in turns]}
    value = statistics.median(series["slowmatch"]) / statistics.median(series[f"at {FEW:,}"])
    rows = f"{runs:,} runs" if "run" in question or "record" not in question else f"{records:,} records"
    return Measure(
        f"growth-{question.replace(',', '').replace(' ', '-')}",
        question,
        "ms",
        series=series,
        goals=[Goal(f"at most {MOST:g}x", value <= MOST, value, "slowmatch", f"at {FEW:,}")],
        note=f"With {rows}.",
    )


def _loaded(stage: Stage, stack: ExitStack, records: int, runs: int) -> Contestant:
    database = crowd.records(stage, records)
    stack.callback(stage.drop, database)
    crowd.runs(stage, database, runs)
    return stack.enter_context(_ours(stage, database))


def _ours(stage: Stage, database: Database) -> Contestant:
    return Contestant("slowmatch", [stage.python, "-m", "benchmarks.ours.growth"], database.env)
