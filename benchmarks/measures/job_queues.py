"""The programs that execute and enqueue runs, each with its own process and database."""

from contextlib import ExitStack

from benchmarks.harness.bench import Bench, Database
from benchmarks.harness.program import Program

_PEERS = "benchmarks.peers."


def slowmatch(bench: Bench, database: Database) -> Program:
    return Program("Slowmatch", [bench.python, "-m", "benchmarks.ours.jobs"], database.env)


def programs(bench: Bench, stack: ExitStack) -> tuple[Program, Program, Program, Program]:
    """Slowmatch, procrastinate, PgQueuer and bare statements, ready to begin; they end with the stack."""
    ours = slowmatch(bench, bench.database())
    others = [
        Program(name, [python, "-m", module], {"DATABASE_URL": bench.database(migrated=False).url})
        for name, python, module in (
            ("procrastinate", bench.peer("procrastinate_worker"), _PEERS + "procrastinate_worker.program"),
            ("PgQueuer", bench.peer("pgqueuer_worker"), _PEERS + "pgqueuer_worker.program"),
            ("bare statements", bench.python, "benchmarks.floors.jobs"),
        )
    ]
    stack.enter_context(ours)
    for other in others:
        stack.enter_context(other).ask(do="install")
    return ours, others[0], others[1], others[2]
