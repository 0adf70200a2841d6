"""Whether everything that runs depend on is there: for load balancers, monitors and people."""

import json
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from jobs_api.answers import answer, documented
from jobs_api.models import Hours
from jobs_api.shapes import Health, Stats
from slowmatch.db import Connection, SchemaMissing, Unavailable, connection
from slowmatch.http.auth import public
from slowmatch.jobs import overview, queue
from slowmatch.notify.trouble import trouble
from slowmatch.telemetry import logger

TICK_LATE = timedelta(minutes=12)
CLOCK_LIMIT = timedelta(seconds=30)
FIGURES = documented(200, "The figures", Stats)
HEALTH = documented(200, "All is well", Health) | documented(503, "Something is not", Health)
router = Router()  # type: ignore[no-untyped-call]


@router.get("/api/stats", summary="Counts by state and hourly figures", responses=FIGURES)
def stats(hours: Hours = 24) -> Response[str]:
    con = connection()
    return answer(200, overview.stats(con, con.now(), hours))


@router.get("/api/health", summary="Database, queues, dispatcher, notifications, clock", responses=HEALTH)
@public
def health() -> Response[str]:
    parts = {"database": _database(), "queues": _queues()}
    if parts["database"]["ok"]:
        con = connection()
        parts["dispatcher"] = _dispatcher(con)
        parts["notifications"] = _notifications(con)
        parts["clock"] = _clock(con)
    healthy = all(part["ok"] for part in parts.values())
    return answer(200 if healthy else 503, json.dumps({"ok": healthy, **parts}))


def _database() -> dict[str, Any]:
    try:
        connection().query("SELECT FROM job_run LIMIT 1")
    except (Unavailable, SchemaMissing) as error:
        logger.error(str(error))
        said = "not migrated" if isinstance(error, SchemaMissing) else "not available"
        return {"ok": False, "detail": f"{said}; the function's log has the reason"}
    return {"ok": True}


def _queues() -> dict[str, Any]:
    found = queue.depths()
    if found.problem:
        return {"ok": False, "detail": found.problem}
    return {"ok": not any(depth["dead"] for depth in found.jobs.values()), "depths": found.jobs}


def _dispatcher(con: Connection) -> dict[str, Any]:
    last: datetime | None = overview.last_dispatcher_tick(con)
    ok = last is not None and con.now() - last < TICK_LATE
    return {"ok": ok, "last_tick": last.isoformat() if last else None}


def _notifications(con: Connection) -> dict[str, Any]:
    problem = trouble(con, con.now())
    return {"ok": problem is None} | ({"detail": problem} if problem else {})


def _clock(con: Connection) -> dict[str, Any]:
    """The database's clock minus this function's, in seconds."""
    return {"ok": abs(con.clock_offset) < CLOCK_LIMIT, "difference_seconds": con.clock_offset.total_seconds()}
