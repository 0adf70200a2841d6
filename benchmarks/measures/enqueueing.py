"""Enqueueing a run: its durable row and its message."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

from benchmarks.harness.bench import Bench
from benchmarks.harness.program import Program
from benchmarks.harness.results import Measure, in_turns, times_better
from benchmarks.measures.job_queues import programs, slowmatch


def guarantees(bench: Bench) -> None:
    """Each run exists, waits for a worker, and has its first event."""
    database = bench.database()
    with slowmatch(bench, database) as ours:
        ours.ask(do="enqueue", times=20)
    with closing(database.connect()) as con:
        runs = con.run("SELECT count(*) FROM job_run WHERE state = 'enqueued' AND message_at IS NOT NULL")
        events = con.run("SELECT count(DISTINCT run_id) FROM job_event WHERE to_state = 'enqueued'")
    assert runs == events == [[21]], "an enqueued run is missing"
    bench.drop(database)


def measure(bench: Bench) -> Iterator[Measure]:
    runs = 20 if bench.short else 1_000
    with ExitStack() as stack:
        ours, procrastinate, pgqueuer, bare = programs(bench, stack)
        rates = in_turns(
            bench.rounds,
            {
                "Slowmatch": _enqueue(ours, runs),
                "procrastinate": _enqueue(procrastinate, runs),
                "bare INSERT": _enqueue(bare, runs),
            },
        )
        many = in_turns(
            bench.rounds,
            {
                "Slowmatch": _enqueue(ours, 1_000, "enqueue_many"),
                "PgQueuer": _enqueue(pgqueuer, 1_000, "enqueue_many"),
                "procrastinate": _enqueue(procrastinate, runs),
            },
        )
    yield Measure(
        "enqueueing",
        "enqueue a run",
        "runs/s",
        better="more",
        series=rates,
        goals=[times_better(rates, "procrastinate", 2, better="more")],
        note="The queue accepts every message immediately.",
    )
    yield Measure(
        "enqueueing-many",
        "enqueue 1,000 runs at once",
        "runs/s",
        better="more",
        series=many,
        goals=[
            times_better(many, "PgQueuer", 0.5, better="more"),
            times_better(many, "procrastinate", 15, better="more"),
        ],
        note="procrastinate defers one job after another.",
    )


def _enqueue(program: Program, runs: int, how: str = "enqueue") -> Callable[[], float]:
    return lambda: runs / float(program.ask(do=how, times=runs)["seconds"])
