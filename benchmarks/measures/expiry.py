"""Expiry and cleanup beside one statement for the same rows, and their effect on a concurrent writer."""

import statistics
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks.harness.bench import Bench, Database
from benchmarks.harness.program import Program
from benchmarks.harness.results import Goal, Measure, at_most, within
from benchmarks.measures import many_records

ROWS = 10_000_000
FEW = 100_000
SHORT_ROWS = 20_000
ROUNDS = 3
"""Half a minute each, each on a fresh copy, so nothing has to warm up."""
BESIDE_ROUNDS = 5
"""A deletion takes three seconds, so the p99 of one round depends on three writes."""
IDLE_WRITES, CHUNK = 500, 25
PACE_SECONDS = 0.01
BUSY = "busy processor"
TURN = "turn"
DONE = {"expire": "expire", "clean_up": "delete"}


@dataclass(frozen=True)
class Turn:
    """What a program reported about one turn."""

    seconds: float
    done: float
    longest: float = 0.0
    megabytes: float = 0.0


def guarantees(bench: Bench) -> None:
    """Both change the same number of rows."""
    template = many_records.records(bench, SHORT_ROWS)
    for what in DONE:
        ours, statement = _ours(bench, template, what), _statement(bench, template, what)
        assert ours.done == statement.done > 0, f"{what}: {ours.done} and {statement.done} records"
    bench.drop(template)


def measure(bench: Bench) -> Iterator[Measure]:
    rows, few = (SHORT_ROWS, SHORT_ROWS // 4) if bench.short else (ROWS, FEW)
    rounds = 1 if bench.short else min(bench.rounds, ROUNDS)
    small, large = many_records.records(bench, few), many_records.records(bench, rows)
    for what, verb in DONE.items():
        turns = []
        for _ in range(rounds):
            turns.append((_ours(bench, large, what), _statement(bench, large, what)))
            bench.progress(
                f"{what}: {turns[-1][0].seconds:.1f} s, one statement {turns[-1][1].seconds:.1f} s"
            )
        ours, statements = zip(*turns, strict=True)
        yield from _figures(f"{verb} {rows // 10:,} of {rows:,}", what, list(ours), list(statements))
        yield _memory(verb, what, list(ours), [_ours(bench, small, what) for _ in range(rounds)])
        yield _beside(bench, verb, what, large)
    for each in (small, large, replace(large, name=TURN)):
        bench.drop(each)


def _figures(title: str, what: str, ours: list[Turn], statements: list[Turn]) -> Iterator[Measure]:
    speeds = {
        "Slowmatch": [turn.done / turn.seconds for turn in ours],
        "one statement": [turn.done / turn.seconds for turn in statements],
    }
    yield Measure(
        f"{what}-speed",
        title,
        "records/s",
        better="more",
        series=speeds,
        goals=[within(speeds, "one statement", 0.75, better="more")],
    )
    longest = {
        "Slowmatch": [turn.longest for turn in ours],
        "one statement": [turn.seconds for turn in statements],
    }
    yield Measure(
        f"{what}-transaction",
        f"{title}: the longest transaction",
        "s",
        series=longest,
        goals=[at_most(longest, 1, "s")],
    )


def _memory(verb: str, what: str, many: list[Turn], few: list[Turn]) -> Measure:
    series = {
        "Slowmatch": [turn.megabytes for turn in many],
        f"with {few[0].done:,.0f} records": [turn.megabytes for turn in few],
    }
    value = statistics.median(series["Slowmatch"]) / statistics.median(turn.megabytes for turn in few)
    return Measure(
        f"{what}-memory",
        f"{verb} {many[0].done:,.0f}: the job's memory at its peak",
        "MB",
        series=series,
        goals=[Goal("flat: at most 1.1x", value <= 1.1, value, list(series)[1])],
    )


def _beside(bench: Bench, verb: str, what: str, template: Database) -> Measure:
    """A writer that creates a record every 10 ms: alone, beside a busy processor, and beside the job."""
    rounds = [_round(bench, what, template) for _ in range(1 if bench.short else BESIDE_ROUNDS)]
    series = {name: [_p99(turns[name]) for turns in rounds] for name in rounds[0]}
    written = {name: [each for turns in rounds for each in turns[name]] for name in series}
    numbers = "; ".join(
        f"{name} {len(each):,}, median {statistics.median(each):.1f} ms" for name, each in written.items()
    )
    return Measure(
        f"{what}-beside",
        f"{verb}: p99 of a record created over the API meanwhile",
        "ms",
        series=series,
        goals=[within(series, "idle", 2)],
        note=f"{1 / PACE_SECONDS:.0f} writes a second in {len(rounds)} rounds: {numbers}."
        f" The {BUSY} belongs to a program that does not use PostgreSQL.",
    )


def _round(bench: Bench, what: str, template: Database) -> dict[str, list[float]]:
    """Milliseconds of each write, by what happened at the same time."""
    writes = 5 * CHUNK if bench.short else IDLE_WRITES
    database = many_records.copied(template, TURN)
    with ExitStack() as stack:
        writer = stack.enter_context(_program(bench, "writer", "benchmarks.ours.api_writer", database))
        job = stack.enter_context(_program(bench, "Slowmatch", "benchmarks.ours.expiry", database))
        writer.ask(do="write", times=CHUNK, every=PACE_SECONDS)
        idle = _written(writer, writes)
        with Program(BUSY, [bench.python, "-m", "benchmarks.floors.busy"], {}) as busy:
            busy.send(do="work", seconds=writes * PACE_SECONDS)
            beside_busy = _written(writer, writes)
            busy.answer()
        during: list[float] = []
        over = threading.Event()
        thread = threading.Thread(target=lambda: during.extend(_until(over, writer)))
        thread.start()
        try:
            job.ask(do=what)
        finally:
            over.set()
            thread.join()
    return {"Slowmatch": during, "idle": idle, BUSY: beside_busy}


def _until(over: threading.Event, writer: Program) -> Iterator[float]:
    """Writes during the job. A chunk that outlasts it counts only if it is the first one."""
    written = _written(writer, CHUNK)
    yield from written
    while (written := _written(writer, CHUNK)) and not over.is_set():
        yield from written


def _written(writer: Program, times: int) -> list[float]:
    return list(writer.ask(do="write", times=times, every=PACE_SECONDS)["milliseconds"])


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]


def _ours(bench: Bench, template: Database, what: str) -> Turn:
    database = many_records.copied(template, TURN)
    with _program(bench, "Slowmatch", "benchmarks.ours.expiry", database) as ours:
        return Turn(**ours.ask(do=what))


def _statement(bench: Bench, template: Database, what: str) -> Turn:
    database = many_records.copied(template, TURN)
    env = {"DATABASE_URL": database.url}
    with Program("one statement", [bench.python, "-m", "benchmarks.floors.expiry"], env) as statement:
        return Turn(**statement.ask(do=what))


def _program(bench: Bench, name: str, module: str, database: Database) -> Program:
    return Program(name, [bench.python, "-m", module], database.env)
