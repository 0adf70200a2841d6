"""The cost of a run beside its work: a job that does nothing, by one, ten and a hundred messages at a time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from statistics import median
from time import perf_counter

from benchmarks.harness.bench import Bench
from benchmarks.harness.program import Program
from benchmarks.harness.results import OURS, Measure, in_turns, times_better, within
from benchmarks.measures.job_queues import programs, slowmatch

Play = Callable[[], float]


_OTHERWISE = """
    SELECT count(*) FROM job_run AS run
    WHERE state <> 'succeeded'
       OR (SELECT array_agg(outcome) FROM job_attempt WHERE run_id = run.id) <> '{succeeded}'
       OR (SELECT array_agg(to_state ORDER BY id) FROM job_event WHERE run_id = run.id)
          <> '{enqueued,processing,succeeded}'
"""


def guarantees(bench: Bench) -> None:
    """Every run succeeds in one attempt, and each of its transitions is recorded."""
    database = bench.database()
    with slowmatch(bench, database) as ours:
        for batch in (1, 10, 100):
            _drain(ours, 25, batch=batch)()
    with closing(database.connect()) as con:
        assert con.run(_OTHERWISE) == [[0]], "a run's rows are wrong"
    bench.drop(database)


def measure(bench: Bench) -> Iterator[Measure]:
    runs, many = (20, 200) if bench.short else (1_000, 10_000)
    with ExitStack() as stack:
        ours, procrastinate, pgqueuer, bare = programs(bench, stack)
        rates = in_turns(
            bench.rounds,
            {
                "one Slowmatch": _drain(ours, runs, batch=1),
                "one procrastinate": _drain(procrastinate, runs),
                "one PgQueuer": _drain(pgqueuer, runs, batch=1),
                "one two bare commits": _commits(bare, runs, 2),
                "ten Slowmatch": _drain(ours, runs, batch=10),
                "ten PgQueuer": _drain(pgqueuer, runs, batch=10),
                "hundred Slowmatch": _drain(ours, many, batch=100),
                "hundred procrastinate": _drain(procrastinate, runs),
                "hundred PgQueuer": _drain(pgqueuer, many, batch=100),
            },
        )
    yield _one(_named(rates, "one "))
    yield _ten(_named(rates, "ten "))
    yield _hundred(_named(rates, "hundred "))
    yield from _workers(bench, 2_000 if bench.short else 100_000)


def _one(rates: dict[str, list[float]]) -> Measure:
    return Measure(
        "bookkeeping",
        "a job that does nothing, one message at a time",
        "runs/s",
        better="more",
        series=rates,
        goals=[
            times_better(rates, "procrastinate", 2.5, better="more"),
            times_better(rates, "PgQueuer", 1.5, better="more"),
            within(rates, "two bare commits", 0.45, better="more"),
        ],
        note="Slowmatch's claim and finish are one commit each.",
    )


def _ten(rates: dict[str, list[float]]) -> Measure:
    return Measure(
        "bookkeeping-ten",
        "the same, ten messages a batch",
        "runs/s",
        better="more",
        series=rates,
        goals=[times_better(rates, "PgQueuer", 1, better="more")],
        note="Both claim and finish ten runs with one commit each. Slowmatch also writes attempts and events.",
    )


def _hundred(rates: dict[str, list[float]]) -> Measure:
    return Measure(
        "bookkeeping-hundred",
        "the same, a hundred messages a batch",
        "runs/s",
        better="more",
        series=rates,
        goals=[
            times_better(rates, "PgQueuer", 0.8, better="more"),
            times_better(rates, "procrastinate", 30, better="more"),
        ],
        note="PgQueuer keeps neither attempts nor events. procrastinate takes one job at a time.",
    )


def _workers(bench: Bench, runs: int) -> Iterator[Measure]:
    """So many waiting runs through one process, and through four at a time, a hundred messages an invocation."""
    database = bench.database()
    invocations: list[list[float]] = []
    with ExitStack() as stack:
        workers = [stack.enter_context(slowmatch(bench, database)) for _ in range(4)]

        def play(workers: list[Program]) -> float:
            workers[0].ask(do="fill", times=runs)
            for part, worker in enumerate(workers):
                worker.ask(do="take", batch=100, part=part, parts=len(workers))
            began = perf_counter()
            for worker in workers:
                worker.send(do="work_taken")
            invocations[:] = [worker.answer()["invocations"] for worker in workers]
            took = perf_counter() - began
            with closing(database.connect()) as con:
                assert con.run("SELECT count(*) FROM job_run WHERE state <> 'succeeded'") == [[0]], (
                    "runs are left"
                )
            return runs / took

        tenths: dict[str, list[float]] = {OURS: [], "the first tenth": []}

        def play_four() -> float:
            rate = play(workers)
            of_four = [_median_of_tenths(each) for each in invocations]
            tenths[OURS].append(max(max(each) for each in of_four) * 1000)
            tenths["the first tenth"].append(median(each[0] for each in of_four) * 1000)
            return rate

        programs = {OURS: play_four, "one process": lambda: play(workers[:1])}
        rates = in_turns(min(bench.rounds, 3), programs)
        tenths = {name: values[1:] for name, values in tenths.items()}
    bench.drop(database)
    yield Measure(
        "bookkeeping-workers",
        f"{runs:,} waiting runs, a hundred messages a batch, four processes",
        "runs/s",
        better="more",
        series=rates,
        goals=[times_better(rates, "one process", 1.5, better="more")],
        note="PostgreSQL and the workers share the cores of the machine.",
    )
    yield Measure(
        "bookkeeping-slowest-tenth",
        "the same: an invocation, in the slowest tenth of any process",
        "ms",
        better="less",
        series=tenths,
        goals=[within(tenths, "the first tenth", 2)],
    )


def _median_of_tenths(seconds: list[float]) -> list[float]:
    size = max(1, len(seconds) // 10)
    return [median(seconds[start : start + size]) for start in range(0, len(seconds), size)]


def _drain(program: Program, runs: int, **options: int) -> Play:
    """Fill the queue, then measure until it is empty. Every run has to be done."""

    def play() -> float:
        program.ask(do="fill", times=runs)
        answer = program.ask(do="work", **options)
        assert answer["done"] == runs, f"{program.name} did {answer['done']} of {runs} runs"
        return runs / float(answer["seconds"])

    return play


def _commits(bare: Program, runs: int, commits: int) -> Play:
    return lambda: runs / float(bare.ask(do="work", times=runs, commits=commits)["seconds"])


def _named(series: dict[str, list[float]], prefix: str) -> dict[str, list[float]]:
    return {name.removeprefix(prefix): values for name, values in series.items() if name.startswith(prefix)}
