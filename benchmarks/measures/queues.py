"""The contestants that carry out and enqueue runs, each in a process and a database of its own."""

from contextlib import ExitStack

from benchmarks.harness import Contestant, Database, Stage

_PEERS = "benchmarks.peers."


def slowmatch(stage: Stage, database: Database) -> Contestant:
    return Contestant("slowmatch", [stage.python, "-m", "benchmarks.ours.jobs"], database.env)


def contestants(stage: Stage, stack: ExitStack) -> tuple[Contestant, Contestant, Contestant, Contestant]:
    """Slowmatch, procrastinate, PgQueuer and the limit, ready to begin; they end with the stack."""
    ours = slowmatch(stage, stage.database())
    others = [
        Contestant(name, [python, "-m", module], {"DATABASE_URL": stage.database(migrated=False).url})
        for name, python, module in (
            ("procrastinate", stage.peer("procrastinate_worker"), _PEERS + "procrastinate_worker.contestant"),
            ("PgQueuer", stage.peer("pgqueuer_worker"), _PEERS + "pgqueuer_worker.contestant"),
            ("limit", stage.python, "benchmarks.limits.jobs"),
        )
    ]
    stack.enter_context(ours)
    for other in others:
        stack.enter_context(other).ask(do="install")
    return ours, others[0], others[1], others[2]
