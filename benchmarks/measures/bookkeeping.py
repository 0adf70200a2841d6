"""What a run costs beside its work: a job that does nothing, one message at a time, and ten a batch."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

from benchmarks.harness import Contestant, Measure, Stage, in_turns, times_better, within
from benchmarks.measures.queues import contestants, slowmatch

Play = Callable[[], float]


_OTHERWISE = """
    SELECT count(*) FROM job_run AS run
    WHERE state <> 'succeeded'
       OR (SELECT array_agg(outcome) FROM job_attempt WHERE run_id = run.id) <> '{succeeded}'
       OR (SELECT array_agg(to_state ORDER BY id) FROM job_event WHERE run_id = run.id)
          <> '{enqueued,processing,succeeded}'
"""


def guarantees(stage: Stage) -> None:
    """However messages come, every run succeeds in one attempt, and each of its steps is written down."""
    database = stage.database()
    with slowmatch(stage, database) as ours:
        for batch in (1, 10):
            _drain(ours, 25, batch=batch)()
    with closing(database.connect()) as con:
        assert con.run(_OTHERWISE) == [[0]], "a run's rows are not as they have to be"
    stage.drop(database)


def measure(stage: Stage) -> Iterator[Measure]:
    runs = 20 if stage.short else 1_000
    with ExitStack() as stack:
        ours, procrastinate, pgqueuer, limit = contestants(stage, stack)
        rates = in_turns(
            stage.rounds,
            {
                "one slowmatch": _drain(ours, runs, batch=1),
                "one procrastinate": _drain(procrastinate, runs),
                "one PgQueuer": _drain(pgqueuer, runs, batch=1),
                "one limit": _commits(limit, runs, 2),
                "ten slowmatch": _drain(ours, runs, batch=10),
                "ten PgQueuer": _drain(pgqueuer, runs, batch=10),
                "ten limit": _commits(limit, runs, 1),
            },
        )
    yield _one(_named(rates, "one "))
    yield _ten(_named(rates, "ten "))


def _one(rates: dict[str, list[float]]) -> Measure:
    return Measure(
        "bookkeeping",
        "a job that does nothing, one message at a time",
        "runs/s",
        better="more",
        series=rates,
        goals=[
            times_better(rates, "slowmatch", "procrastinate", 2.5, better="more"),
            times_better(rates, "slowmatch", "PgQueuer", 1.5, better="more"),
            within(rates, "slowmatch", "limit", 0.45, better="more"),
        ],
        note="The limit is two bare commits a run. Slowmatch's claim and finish are one commit each.",
    )


def _ten(rates: dict[str, list[float]]) -> Measure:
    return Measure(
        "bookkeeping-ten",
        "the same, ten messages a batch",
        "runs/s",
        better="more",
        series=rates,
        goals=[times_better(rates, "slowmatch", "PgQueuer", 1, better="more")],
        note="The limit is one bare commit a run: a run that has finished stays finished through a crash."
        " PgQueuer finishes ten runs with one commit, after all of them.",
    )


def _drain(contestant: Contestant, runs: int, **words: int) -> Play:
    """Fill the queue, then time until it is empty. Every run that was put in has to be done."""

    def play() -> float:
        contestant.ask(do="fill", times=runs)
        answer = contestant.ask(do="work", **words)
        assert answer["done"] == runs, f"{contestant.name} did {answer['done']} of {runs} runs"
        return runs / float(answer["seconds"])

    return play


def _commits(limit: Contestant, runs: int, commits: int) -> Play:
    return lambda: runs / float(limit.ask(do="work", times=runs, commits=commits)["seconds"])


def _named(series: dict[str, list[float]], prefix: str) -> dict[str, list[float]]:
    return {name.removeprefix(prefix): values for name, values in series.items() if name.startswith(prefix)}
