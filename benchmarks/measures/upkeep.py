"""The jobs on records against one statement for the same rows, and what a writer beside them notices."""

import statistics
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks.harness import Contestant, Database, Goal, Measure, Stage, at_most, within
from benchmarks.measures import crowd

ROWS = 10_000_000
FEW = 100_000
SHORT_ROWS = 20_000
ROUNDS = 3
"""Of half a minute each, and each on a fresh copy: there is nothing to warm up."""
BESIDE_ROUNDS = 5
"""A deletion lasts for three seconds, in which the p99 of one round is a matter of three writes."""
IDLE_WRITES, CHUNK = 500, 25
PACE_SECONDS = 0.01
COUNTING = "program that counts"
TURN = "turn"
DONE = {"expire": "expire", "clean_up": "delete"}


@dataclass(frozen=True)
class Turn:
    """What one turn of a contestant told."""

    seconds: float
    done: float
    longest: float = 0.0
    megabytes: float = 0.0


def guarantees(stage: Stage) -> None:
    """Both do the same rows, in transactions that are short, without waiting for each other's numbers."""
    template = crowd.records(stage, SHORT_ROWS)
    for what in DONE:
        ours, limit = _ours(stage, template, what), _limit(stage, template, what)
        assert ours.done == limit.done > 0, f"{what}: {ours.done} and {limit.done} records"
    stage.drop(template)


def measure(stage: Stage) -> Iterator[Measure]:
    rows, few = (SHORT_ROWS, SHORT_ROWS // 4) if stage.short else (ROWS, FEW)
    rounds = 1 if stage.short else min(stage.rounds, ROUNDS)
    small, large = crowd.records(stage, few), crowd.records(stage, rows)
    for what, verb in DONE.items():
        turns = []
        for _ in range(rounds):
            turns.append((_ours(stage, large, what), _limit(stage, large, what)))
            stage.progress(
                f"{what}: {turns[-1][0].seconds:.1f} s, one statement {turns[-1][1].seconds:.1f} s"
            )
        ours, limits = zip(*turns, strict=True)
        yield from _figures(f"{verb} {rows // 10:,} of {rows:,}", what, list(ours), list(limits))
        yield _memory(verb, what, list(ours), [_ours(stage, small, what) for _ in range(rounds)])
        yield _beside(stage, verb, what, large)
    for each in (small, large, replace(large, name=TURN)):
        stage.drop(each)


def _figures(title: str, what: str, ours: list[Turn], limits: list[Turn]) -> Iterator[Measure]:
    speeds = {
        "slowmatch": [turn.done / turn.seconds for turn in ours],
        "limit": [turn.done / turn.seconds for turn in limits],
    }
    yield Measure(
        f"{what}-speed",
        title,
        "records/s",
        better="more",
        series=speeds,
        goals=[within(speeds, "slowmatch", "limit", 0.75, better="more")] if what == "expire" else [],
        note="The limit is one statement for all of them.",
    )
    longest = {
        "slowmatch": [turn.longest for turn in ours],
        "limit": [turn.seconds for turn in limits],
    }
    yield Measure(
        f"{what}-transaction",
        f"{title}: the longest transaction",
        "s",
        series=longest,
        goals=[at_most(longest, "slowmatch", 1, "s")],
    )


def _memory(verb: str, what: str, many: list[Turn], few: list[Turn]) -> Measure:
    series = {
        "slowmatch": [turn.megabytes for turn in many],
        f"at {few[0].done:,.0f} records": [turn.megabytes for turn in few],
    }
    value = statistics.median(series["slowmatch"]) / statistics.median(turn.megabytes for turn in few)
    return Measure(
        f"{what}-memory",
        f"{verb} {many[0].done:,.0f}: the job's memory at its peak",
        "MB",
        series=series,
        goals=[Goal("flat: at most 1.1x", value <= 1.1, value, "slowmatch", list(series)[1])],
    )


def _beside(stage: Stage, verb: str, what: str, template: Database) -> Measure:
    """One who creates a record every hundredth second: alone, beside a program that only counts, beside the job."""
    rounds = [_round(stage, what, template) for _ in range(1 if stage.short else BESIDE_ROUNDS)]
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
        goals=[within(series, "slowmatch", "idle", 2)],
        note=f"{1 / PACE_SECONDS:.0f} writes a second in {len(rounds)} rounds: {numbers}."
        f" The {COUNTING} asks nothing of PostgreSQL.",
    )


def _round(stage: Stage, what: str, template: Database) -> dict[str, list[float]]:
    """Milliseconds of each write, by what was going on."""
    writes = 5 * CHUNK if stage.short else IDLE_WRITES
    database = crowd.copied(template, TURN)
    with ExitStack() as stack:
        writer = stack.enter_context(_contestant(stage, "writer", "benchmarks.ours.upkeep_writer", database))
        job = stack.enter_context(_contestant(stage, "slowmatch", "benchmarks.ours.upkeep", database))
        writer.ask(do="write", times=CHUNK, every=PACE_SECONDS)
        idle = _written(writer, writes)
        with Contestant(COUNTING, [stage.python, "-m", "benchmarks.limits.counting"], {}) as counting:
            counting.send(do="count", seconds=writes * PACE_SECONDS)
            beside_counting = _written(writer, writes)
            counting.answer()
        busy: list[float] = []
        over = threading.Event()
        thread = threading.Thread(target=lambda: busy.extend(_until(over, writer)))
        thread.start()
        try:
            job.ask(do=what)
        finally:
            over.set()
            thread.join()
    return {"slowmatch": busy, "idle": idle, COUNTING: beside_counting}


def _until(over: threading.Event, writer: Contestant) -> Iterator[float]:
    """Writes while it lasts: what begins before and ends after its end is not counted, unless there is nothing else."""
    written = _written(writer, CHUNK)
    yield from written
    while (written := _written(writer, CHUNK)) and not over.is_set():
        yield from written


def _written(writer: Contestant, times: int) -> list[float]:
    return list(writer.ask(do="write", times=times, every=PACE_SECONDS)["milliseconds"])


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]


def _ours(stage: Stage, template: Database, what: str) -> Turn:
    database = crowd.copied(template, TURN)
    with _contestant(stage, "slowmatch", "benchmarks.ours.upkeep", database) as ours:
        return Turn(**ours.ask(do=what))


def _limit(stage: Stage, template: Database, what: str) -> Turn:
    database = crowd.copied(template, TURN)
    env = {"DATABASE_URL": database.url}
    with Contestant("limit", [stage.python, "-m", "benchmarks.limits.upkeep"], env) as limit:
        return Turn(**limit.ask(do=what))


def _contestant(stage: Stage, name: str, module: str, database: Database) -> Contestant:
    return Contestant(name, [stage.python, "-m", module], database.env)
