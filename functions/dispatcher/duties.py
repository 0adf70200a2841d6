"""The dispatcher's duties, one after the other. None of them can stop another one, or use up its time."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.aws.clients import may_quote_secret
from slowmatch.db import Connection, StatementError, Unavailable
from slowmatch.deadline import Deadline
from slowmatch.jobs import JOBS
from slowmatch.jobs.dispatcher import (
    dead_letters,
    heartbeat,
    projection,
    redelivery,
    rescuer,
    retention,
    rollup,
    schedules,
)
from slowmatch.jobs.dispatcher.isolation import PartlyFailed, describe
from slowmatch.jobs.lifecycle import mute, promotion
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.notifications import publishing, queue
from slowmatch.records import expiry, statistics
from slowmatch.settings import Settings

LOCK_SECONDS = 2
"""How long a statement waits for a lock of another session."""
RESERVED_SECONDS = 10
"""What is left at the end for storing the pass."""
MIN_SECONDS = 1
"""A duty that would have less time is not started."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a duty is given."""

    con: Connection
    now: datetime
    deadline: Deadline
    config: Settings
    resend: bool
    is_woken: bool = False

    @property
    def usual(self) -> tuple[Connection, datetime, Deadline]:
        """The arguments that most services take."""
        return self.con, self.now, self.deadline


@dataclass(frozen=True, slots=True)
class Duty:
    """`name` completes "the dispatcher cannot ...". `do` returns how many, which the answer has as `figure`.

    `weight` is its share of the time that is left, against the duties after it.
    """

    name: str
    figure: str
    do: Callable[[Turn], int | None]
    weight: float = 1


def _promote(turn: Turn) -> int:
    disabled = disabled_jobs(turn.con)
    return promotion.promote_and_send(turn.con, [job for job in JOBS if job not in disabled], turn.deadline)


SCHEDULES = Duty(
    "bring schedules into force",
    "schedules changed",
    lambda turn: projection.project(*turn.usual, settings=turn.config, checks=not turn.is_woken),
    2,
)
DUTIES = (
    Duty("rescue lost runs", "lost", lambda turn: rescuer.rescue(*turn.usual), 2),
    Duty("send due runs", "sent", lambda turn: redelivery.send_due(*turn.usual, resend_all=turn.resend), 4),
    Duty("promote waiting runs", "promoted", _promote),
    Duty(
        "read the schedule",
        "schedules",
        lambda turn: schedules.read_schedules(*turn.usual, stack=turn.config.stack_name),
    ),
    SCHEDULES,
    Duty("report missed runs", "missed", lambda turn: schedules.report_missed(*turn.usual)),
    Duty("report dead letters", "dead letters", lambda turn: dead_letters.report(*turn.usual)),
    Duty("end mutes", "", lambda turn: mute.end_mutes(turn.con, turn.now)),
    Duty(
        "publish notifications",
        "notifications published",
        lambda turn: publishing.publish_waiting(*turn.usual),
    ),
    Duty("deliver notifications", "notifications sent", lambda turn: queue.send_waiting(*turn.usual)),
    Duty("count runs by hour", "", lambda turn: rollup.roll_up(turn.con, turn.now), 4),
    Duty("count records by hour", "", lambda turn: statistics.roll_up(turn.con, turn.now), 2),
    Duty("purge old runs", "purged", lambda turn: retention.purge_runs(*turn.usual, settings=turn.config), 4),
    Duty(
        "purge schedules that are over",
        "",
        lambda turn: retention.purge_schedules(*turn.usual, settings=turn.config),
    ),
    Duty(
        "purge the history",
        "old rows",
        lambda turn: retention.purge_history(*turn.usual, settings=turn.config),
        2,
    ),
    Duty(
        "purge the history of records",
        "",
        lambda turn: expiry.purge_events(
            turn.con, turn.now, timedelta(days=turn.config.failed_run_retention_days)
        ),
        2,
    ),
)


@dataclass(slots=True)
class Pass:
    """What one pass did, by figure, and why which duties failed."""

    done: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def perform(
    con: Connection,
    config: Settings,
    seconds_left: Callable[[], float],
    *,
    resend: bool = False,
    only: Duty | None = None,
) -> Pass:
    """Do every duty and store the outcome, or do `only` one. Raises Unavailable when the database is away."""
    now, outcome = con.now(), Pass()
    duties = (only,) if only else DUTIES
    for number, duty in enumerate(duties):
        share = duty.weight / sum(each.weight for each in duties[number:])
        seconds = (seconds_left() - RESERVED_SECONDS) * share
        try:
            if seconds < MIN_SECONDS:
                raise TimeoutError("earlier duties left no time for it")
            _limit(con, min(seconds, config.db_statement_timeout_seconds))
            turn = Turn(con, now, Deadline(time.monotonic() + seconds), config, resend, is_woken=bool(only))
            done = duty.do(turn) or 0
        except PartlyFailed as error:
            done = error.done
            outcome.failed |= {f"{duty.name} of {job}": problem for job, problem in error.problems.items()}
        except Exception as error:  # noqa: BLE001 - the other duties go on
            done = 0
            outcome.failed[duty.name] = describe(error)
            problem = f"the dispatcher could not {duty.name}: {describe(error)}"
            telemetry.logger.error(problem, exc_info=not may_quote_secret(error))
        if duty.figure:
            outcome.done[duty.figure] = done
    try:
        if only is None:
            _store(con, config, outcome)
    finally:
        with suppress(Unavailable):
            con.query("RESET lock_timeout")
            con.query("RESET statement_timeout")
    return outcome


def _store(con: Connection, config: Settings, outcome: Pass) -> None:
    """If this fails, the answer and the log say so, and soon the health check does."""
    try:
        _limit(con, min(RESERVED_SECONDS, config.db_statement_timeout_seconds))
        heartbeat.store_pass(con, con.now(), outcome.done, outcome.failed)
    except StatementError as error:
        outcome.failed["store its results"] = describe(error)
        telemetry.logger.exception(f"the dispatcher could not store its results: {describe(error)}")


def _limit(con: Connection, seconds: float) -> None:
    """Let no statement wait for a lock or run for longer, until this is called again.

    For the session, not for a transaction: a duty commits before it sends what it has written. A broken connection
    has been replaced by now; one that breaks within a duty ends the duty.
    """
    con.query(
        """
        SELECT set_config('lock_timeout', :lock, false), set_config('statement_timeout', :statement, false)
        """,
        lock=f"{round(LOCK_SECONDS * 1000)}ms",
        statement=f"{round(seconds * 1000)}ms",
    )
