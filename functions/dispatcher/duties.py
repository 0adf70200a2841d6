"""The dispatcher's duties, one after the other. None of them can stop another one, or use up its time."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.db import Connection, StatementError, Unavailable
from slowmatch.deadline import Deadline
from slowmatch.jobs import JOBS
from slowmatch.jobs.dispatcher import redelivery, retention
from slowmatch.jobs.dispatcher.duty import PartlyFailed, in_words
from slowmatch.jobs.lifecycle import promotion
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.notifications import delivery, publishing
from slowmatch.records import upkeep as records
from slowmatch.settings import Settings

LOCK_SECONDS = 2
"""How long a statement waits for a lock that somebody holds."""
RESERVED_SECONDS = 10
"""What is left at the end for noting the pass."""
LEAST_SECONDS = 1
"""A duty that would have less time is not begun."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a duty is given."""

    con: Connection
    now: datetime
    config: Settings
    deadline: Deadline
    resend: bool


@dataclass(frozen=True, slots=True)
class Duty:
    """`name` goes on after "the dispatcher cannot", and before "of <job>". `do` returns how many, as `figure`.

    `weight` is its share of the time that is left, against those that come after it.
    """

    name: str
    figure: str
    do: Callable[[Turn], int | None]
    weight: float = 1


DUTIES = (
    Duty(
        "rescue lost runs", "lost", lambda turn: redelivery.rescue_lost(turn.con, turn.now, turn.deadline), 2
    ),
    Duty(
        "send due runs",
        "sent",
        lambda turn: redelivery.send_due(turn.con, turn.now, turn.resend, turn.deadline),
        4,
    ),
    Duty(
        "promote waiting runs",
        "promoted",
        lambda turn: promotion.give(turn.con, _enabled(turn.con), turn.deadline),
    ),
    Duty(
        "read the schedule",
        "schedules",
        lambda turn: retention.read_schedules(turn.con, turn.now, turn.config.stack_name, turn.deadline),
    ),
    Duty(
        "report missed runs",
        "missed",
        lambda turn: retention.report_missed(turn.con, turn.now, turn.deadline),
    ),
    Duty(
        "report dead letters",
        "dead letters",
        lambda turn: retention.report_dead_letters(turn.con, turn.now, turn.deadline),
    ),
    Duty(
        "publish notifications",
        "notifications published",
        lambda turn: publishing.publish_waiting(turn.con, turn.now, turn.deadline),
    ),
    Duty(
        "deliver notifications",
        "notifications sent",
        lambda turn: delivery.send_waiting(turn.con, turn.now, turn.deadline),
    ),
    Duty("count runs by the hour", "", lambda turn: retention.roll_up(turn.con, turn.now), 4),
    Duty("count records by the hour", "", lambda turn: records.roll_up(turn.con, turn.now), 2),
    Duty(
        "purge old runs",
        "purged",
        lambda turn: retention.purge_runs(turn.con, turn.now, turn.config, turn.deadline),
        4,
    ),
    Duty(
        "purge the history",
        "old rows",
        lambda turn: retention.purge_history(turn.con, turn.now, turn.config, turn.deadline),
        2,
    ),
    Duty(
        "purge the history of records",
        "",
        lambda turn: records.purge_events(
            turn.con, turn.now, timedelta(days=turn.config.failed_run_retention_days)
        ),
        2,
    ),
)


def _enabled(con: Connection) -> list[str]:
    disabled = disabled_jobs(con)
    return [job for job in JOBS if job not in disabled]


@dataclass(slots=True)
class Pass:
    """What one pass did, by figure, and which duties failed for which reason."""

    done: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def perform(con: Connection, config: Settings, seconds_left: Callable[[], float], resend: bool) -> Pass:
    """Do every duty, and note what became of them. Raises Unavailable when the database is away."""
    now, outcome = con.now(), Pass()
    for number, duty in enumerate(DUTIES):
        weights = sum(each.weight for each in DUTIES[number:])
        seconds = (seconds_left() - RESERVED_SECONDS) * duty.weight / weights
        turn = Turn(con, now, config, Deadline(time.monotonic() + seconds), resend)
        _do(duty, turn, seconds, outcome)
    _note(con, config, outcome)
    return outcome


def _do(duty: Duty, turn: Turn, seconds: float, outcome: Pass) -> None:
    done: int | None = 0
    try:
        if seconds < LEAST_SECONDS:
            raise TimeoutError("the duties before it left no time")
        _limit(turn.con, min(seconds, turn.config.db_statement_timeout_seconds))
        done = duty.do(turn)
    except PartlyFailed as error:
        done = error.done
        outcome.failed |= {f"{duty.name} of {job}": problem for job, problem in error.problems.items()}
    except Exception as error:  # noqa: BLE001 - whatever it is, the other duties have nothing to do with it
        outcome.failed[duty.name] = in_words(error)
        telemetry.logger.exception(f"the dispatcher cannot {duty.name}: {in_words(error)}")
    if duty.figure:
        outcome.done[duty.figure] = done or 0


def _note(con: Connection, config: Settings, outcome: Pass) -> None:
    """Write down what was done. If that fails, the answer and the log say so, and soon the silence does."""
    try:
        _limit(con, min(RESERVED_SECONDS, config.db_statement_timeout_seconds))
        retention.note_tick(con, con.now(), outcome.done, outcome.failed)
    except StatementError as error:
        outcome.failed["note what it did"] = in_words(error)
        telemetry.logger.exception(f"the dispatcher cannot note what it did: {in_words(error)}")
    finally:
        with suppress(Unavailable):
            con.query("RESET lock_timeout")
            con.query("RESET statement_timeout")


def _limit(con: Connection, seconds: float) -> None:
    """Let no statement wait for a lock or work for longer, until this is called again.

    For the session, not for a transaction: a duty commits before it sends what it has written. A connection that
    broke has been replaced by now; one that breaks within a duty ends the duty.
    """
    con.query(
        """
        SELECT set_config('lock_timeout', :lock, false), set_config('statement_timeout', :statement, false)
        """,
        lock=f"{round(LOCK_SECONDS * 1000)}ms",
        statement=f"{round(seconds * 1000)}ms",
    )
