"""Whether everything that runs depend on is there: for load balancers, monitors and people.

Who has no identity hears yes or no and nothing else.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from jobs_api.answers import answer, documented
from jobs_api.models import Hours
from jobs_api.shapes import Health, HealthSummary, Stats
from slowmatch.db import SchemaMissing, Unavailable, connection
from slowmatch.http.auth.authentication import optional_identity, public
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.queries import overview
from slowmatch.jobs.queries.removed_jobs import in_words
from slowmatch.notifications.trouble import trouble
from slowmatch.telemetry import logger

Part = dict[str, Any]

TICK_LATE = timedelta(minutes=12)
CLOCK_LIMIT = timedelta(seconds=30)
KEPT_SECONDS = 2
FIGURES = documented(200, "The figures", Stats)
HEALTH = documented(200, "All is well", HealthSummary | Health) | documented(
    503, "Something is not", HealthSummary | Health
)
router = Router()  # type: ignore[no-untyped-call]


@router.get("/api/stats", summary="Counts by state and hourly figures", responses=FIGURES)
def stats(hours: Hours = 24) -> Response[str]:
    con = connection()
    return answer(200, overview.stats(con, con.now(), hours))


@dataclass
class Verdict:
    """Whether all is well. Anybody may ask as often as they like, so the answer is kept for KEPT_SECONDS."""

    ok: bool = False
    expires: float = -math.inf

    def current(self) -> bool:
        if monotonic() >= self.expires:
            self.ok = all(part["ok"] for _, part in _parts())
            self.expires = monotonic() + KEPT_SECONDS
        return self.ok


verdict = Verdict()


@router.get("/api/health", summary="Whether all is well; for viewers, each part", responses=HEALTH)
@public
def health() -> Response[str]:
    if not optional_identity(router.current_event.raw_event).may(Role.VIEWER):
        return _answer(verdict.current(), {})
    parts = dict(_parts())
    return _answer(all(part["ok"] for part in parts.values()), parts)


def _answer(ok: bool, parts: dict[str, Part]) -> Response[str]:
    return answer(200 if ok else 503, {"ok": ok, **parts})


def _parts() -> Iterator[tuple[str, Part]]:
    """Each part is checked when it is asked for; those after the queues need the database."""
    database = _checked(_database)
    yield "database", database
    yield "queues", _checked(_queues)
    if database["ok"]:
        yield "dispatcher", _checked(_dispatcher)
        yield "jobs", _checked(_jobs)
        yield "notifications", _checked(_notifications)
        yield "clock", _checked(_clock)


def _checked(check: Callable[[], Part]) -> Part:
    """What `check` says. A check that fails says so itself, and only the log says why."""
    try:
        return check()
    except SchemaMissing as error:
        logger.error(str(error))
        said = "the database is not migrated"
    except Unavailable as error:
        logger.error(str(error))
        said = "the database is not available"
    except Exception as error:  # noqa: BLE001 - a monitor needs an answer
        logger.error("a part of the health check failed", exc_info=error)
        said = "this could not be checked"
    return {"ok": False, "detail": f"{said}; the function's log has the reason"}


def _database() -> Part:
    connection().query("SELECT FROM job_run LIMIT 1")
    return {"ok": True}


def _queues() -> Part:
    found = messages.depths()
    if found.problem:
        return {"ok": False, "detail": found.problem}
    return {"ok": not any(depth["dead"] for depth in found.jobs.values()), "depths": found.jobs}


def _dispatcher() -> Part:
    """Whether it comes, does its duties and finds a job for every run. A duty may fail for TICK_LATE."""
    con = connection()
    tick, now, removed = overview.dispatcher_tick(con), con.now(), overview.waiting_for_removed_jobs(con)
    failing = {
        duty: (datetime.fromisoformat(each["since"]), each["problem"]) for duty, each in tick.failing.items()
    }
    since = [tick.at, *(at for at, _ in failing.values())]
    problems = [f"cannot {duty} since {at:%Y-%m-%d %H:%M} UTC: {why}" for duty, (at, why) in failing.items()]
    problems += [in_words(job, count) for job, count in removed.items()]
    return {
        "ok": not removed and all(at is not None and now - at < TICK_LATE for at in since),
        "last_tick": tick.at.isoformat() if tick.at else None,
    } | ({"detail": "; ".join(problems)} if problems else {})


def _jobs() -> Part:
    """Whether every job can run: a wrong job.py or wrong settings disable one."""
    flaws = overview.disabled_jobs(connection())
    detail = "; ".join(f"{job!r} is disabled: {flaw}" for job, flaw in flaws.items())
    return {"ok": not flaws} | ({"detail": detail} if flaws else {})


def _notifications() -> Part:
    con = connection()
    problem = trouble(con, con.now())
    return {"ok": problem is None} | ({"detail": problem} if problem else {})


def _clock() -> Part:
    """The database's clock minus this function's, in seconds."""
    offset = connection().clock_offset
    return {"ok": abs(offset) < CLOCK_LIMIT, "difference_seconds": offset.total_seconds()}
