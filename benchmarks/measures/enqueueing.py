"""Putting a run in: its row, durable, and its message."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

from benchmarks.harness import Contestant, Measure, Stage, in_turns, times_better
from benchmarks.measures.queues import contestants, slowmatch


def guarantees(stage: Stage) -> None:
    """Each run that was put in is there, waits for a worker, and has its first event."""
    database = stage.database()
    with slowmatch(stage, database) as ours:
        ours.ask(do="enqueue", times=20)
    with closing(database.connect()) as con:
        runs = con.run("SELECT count(*) FROM job_run WHERE state = 'enqueued' AND message_at IS NOT NULL")
        events = con.run("SELECT count(DISTINCT run_id) FROM job_event WHERE to_state = 'enqueued'")
    assert runs == events == [[21]], "a run that was put in is missing"
    stage.drop(database)


def measure(stage: Stage) -> Iterator[Measure]:
    runs = 20 if stage.short else 1_000
    with ExitStack() as stack:
        ours, procrastinate, _, limit = contestants(stage, stack)
        rates = in_turns(
            stage.rounds,
            {each.name: _enqueue(each, runs) for each in (ours, procrastinate, limit)},
        )
    yield Measure(
        "enqueueing",
        "enqueue a run",
        "runs/s",
        better="more",
        series=rates,
        goals=[times_better(rates, "slowmatch", "procrastinate", 2, better="more")],
        note="The limit is a bare INSERT with its commit. The queue takes every message at once.",
    )


def _enqueue(contestant: Contestant, runs: int) -> Callable[[], float]:
    return lambda: runs / float(contestant.ask(do="enqueue", times=runs)["seconds"])
