"""What a claim, a page, a search and a counter cost with ten thousand rows, and with ten million."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

from benchmarks.harness import Contestant, Database, Measure, Stage
from benchmarks.harness.figures import within
from benchmarks.measures import crowd, history

FEW = 10_000
MANY = 10_000_000
"""So many records and so many runs, which come with attempts and events: four rows each."""
DRAWN = 100_000
SHORT_FEW, SHORT_MANY, SHORT_DRAWN = 1_000, 10_000, 5_000
TIMES = 7
SHARES = 5
"""Each round in so many: this machine may slow down in the middle of a long one, and then only one of them is hit."""
MOST = 1.5

HEIRLOOMS = "UPDATE record SET title = 'Heirloom ' || title WHERE title LIKE '%🔥'"
"""A word that is in ten titles however many there are."""


def guarantees(stage: Stage) -> None:
    """Searches find what is there, and nothing else, however many records there are."""
    database = _records(stage, FEW)
    with _ours(stage, database) as ours:
        assert ours.ask(do="found") == {
            "visa": 50,
            "certificate heirloom": 10,
            "zeppelin": 0,
            "🔥": 10,
            "%": 0,
        }
    stage.drop(database)


def measure(stage: Stage) -> Iterator[Measure]:
    with ExitStack() as stack:
        few, many = (
            _loaded(stage, stack, rows) for rows in ((SHORT_FEW, SHORT_MANY) if stage.short else (FEW, MANY))
        )
        for question in few.ask(do="questions")["questions"]:
            before = many.ask(do="whole_tables_read")
            yield _measured(stage, question, few, many)
            after = many.ask(do="whole_tables_read")
            assert stage.short or after == before, f"{question} reads a whole table: {before}, then {after}"


def _measured(stage: Stage, question: str, few: Contestant, many: Contestant) -> Measure:
    times, rounds = (2, stage.rounds) if stage.short else (TIMES, SHARES * stage.rounds)
    for each in (few, many):
        each.ask(do="ask", question=question, times=3 * times)
    turns = [
        [float(each.ask(do="ask", question=question, times=times)["seconds"]) * 1000 for each in (many, few)]
        for _ in range(rounds)
    ]
    series = {"slowmatch": [turn[0] for turn in turns], f"at {FEW:,}": [turn[1] for turn in turns]}
    return Measure(
        f"growth-{question.replace(',', '').replace(' ', '-')}",
        question,
        "ms",
        series=series,
        goals=[within(series, "slowmatch", f"at {FEW:,}", MOST)],
    )


def _loaded(stage: Stage, stack: ExitStack, rows: int) -> Contestant:
    database = _records(stage, rows)
    stack.callback(stage.drop, database)
    history.runs(stage, database, rows, SHORT_DRAWN if stage.short else DRAWN)
    return stack.enter_context(_ours(stage, database))


def _records(stage: Stage, rows: int) -> Database:
    database = crowd.records(stage, rows)
    with closing(database.connect()) as con:
        con.run(HEIRLOOMS)
    return database


def _ours(stage: Stage, database: Database) -> Contestant:
    return Contestant("slowmatch", [stage.python, "-m", "benchmarks.ours.growth"], database.env)
