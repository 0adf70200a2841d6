"""GET /api/stats and GET /api/health.

Anybody may ask for the health; without an identity the answer is only whether all is well.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from jobs_api.answers import Health, HealthSummary, Stats, answer, documented
from jobs_api.models import Hours
from slowmatch.db import SchemaMissing, Unavailable, connection
from slowmatch.http.auth.authentication import optional_identity, public
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.jobs.queries import health as job_health
from slowmatch.jobs.queries import queue_depths, warnings
from slowmatch.jobs.queries.failing import failing_jobs
from slowmatch.notifications.publishing import find_problems
from slowmatch.telemetry import logger

Part = dict[str, Any]

KEPT_SECONDS = 2
STATS = documented(200, "The figures", Stats)
HEALTH = documented(200, "Everything is healthy", HealthSummary | Health) | documented(
    503, "Something is unhealthy", HealthSummary | Health
)
router = Router()  # type: ignore[no-untyped-call]


@router.get("/api/stats", summary="Counts by state and hourly figures", responses=STATS)
def stats(hours: Hours = 24) -> Response[str]:
    con = connection()
    found = Stats.model_validate_json(job_health.stats(con, con.now(), hours))
    return answer(200, found.model_dump())


@dataclass
class PublicHealth:
    """Whether all is well. Anybody may ask as often as they like, so the answer is kept for KEPT_SECONDS."""

    ok: bool = False
    expires: float = -math.inf

    def current(self) -> bool:
        if monotonic() >= self.expires:
            self.ok = all(part["ok"] for _, part in _parts())
            self.expires = monotonic() + KEPT_SECONDS
        return self.ok


public_health = PublicHealth()


@router.get(
    "/api/health", summary="Overall health and, for viewers, the state of each part", responses=HEALTH
)
@public
def health() -> Response[str]:
    if optional_identity(router.current_event.raw_event).may(Role.VIEWER):
        parts = dict(_parts())
        ok = all(part["ok"] for part in parts.values())
    else:
        ok, parts = public_health.current(), {}
    return answer(200 if ok else 503, {"ok": ok, **parts})


def _parts() -> Iterator[tuple[str, Part]]:
    """Each part is checked when it is asked for; those after the queues need the database."""
    database = _checked(_database)
    yield "database", database
    yield "queues", _checked(_queues)
    if database["ok"]:
        yield "dispatcher", _checked(_dispatcher)
        yield "jobs", _checked(_jobs)
        yield "schedules", _checked(_schedules)
        yield "notifications", _checked(_notifications)
        yield "clock", _checked(_clock)


def _checked(check: Callable[[], Part]) -> Part:
    """The result of `check`. The answer says that a check failed, the log says why."""
    try:
        return check()
    except SchemaMissing as error:
        logger.error(str(error))
        detail = "the database schema is not migrated: invoke the migrate function"
    except Unavailable as error:
        logger.error(str(error))
        detail = "the database is not available"
    except Exception as error:  # noqa: BLE001 - a monitor needs an answer
        logger.error("a part of the health check failed", exc_info=error)
        detail = "this could not be checked"
    return {"ok": False, "detail": f"{detail}; see the function's log for the reason"}


def _part(problems: Iterable[warnings.Problem], **facts: Any) -> Part:
    found = list(problems)
    part = {"ok": not any(problem.is_outage for problem in found)} | facts
    return part | {"detail": "; ".join(problem.in_utc for problem in found)} if found else part


def _database() -> Part:
    connection().query("SELECT FROM job_run LIMIT 1")
    return {"ok": True}


def _queues() -> Part:
    found = queue_depths.depths()
    facts = {} if found.problem else {"depths": found.jobs}
    return _part(warnings.queue_problems(found), **facts)


def _dispatcher() -> Part:
    con = connection()
    last = job_health.last_pass(con)
    found = warnings.dispatcher_problems(last, job_health.waiting_for_removed_jobs(con), con.now())
    return _part(found, last_tick=last.at)


def _jobs() -> Part:
    con = connection()
    now = con.now()
    disabled = warnings.disabled_problems(disabled_jobs(con))
    return _part([*disabled, *warnings.failing_problems(failing_jobs(con, now), now)])


def _schedules() -> Part:
    con = connection()
    return _part(warnings.schedule_problems(job_health.schedules_not_in_force(con, con.now())))


def _notifications() -> Part:
    con = connection()
    return _part(warnings.notification_problems(find_problems(con, con.now())))


def _clock() -> Part:
    """The database's clock minus this function's, in seconds."""
    offset = connection().clock_offset
    return _part(warnings.clock_problems(offset), difference_seconds=offset.total_seconds())
