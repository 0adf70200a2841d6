"""Every five minutes: hands due runs to SQS, rescues lost ones, reports missed ticks, keeps house."""

from datetime import timedelta
from typing import Any

from slowmatch import notify, telemetry
from slowmatch.db import connection
from slowmatch.jobs import JOBS, dispatch, turns, upkeep
from slowmatch.jobs.messages import EventError
from slowmatch.notify import queue as deliveries
from slowmatch.records import upkeep as records
from slowmatch.settings import settings


def handler(event: Any, _context: Any) -> dict[str, int]:
    """A scheduled event, `{}`, or `{"payload": {"resend": true}}` to send all waiting messages again.

    Raises EventError for anything else.
    """
    resend = _resends(event)
    con, config = connection(), settings()
    now = con.now()
    upkeep.read_schedules(con, config.stack_name)
    done = {
        "lost": dispatch.rescue_lost(con, now),
        "sent": dispatch.send_due(con, now, resend_all=resend),
        "missed": upkeep.report_missed(con, now),
        "purged": upkeep.purge(con, now, config),
    }
    turns.give(con, list(JOBS))
    upkeep.report_dead_letters(con, now)
    notify.publish_waiting(con, now)
    deliveries.send_waiting(con, now)
    upkeep.roll_up(con, now)
    records.roll_up(con, now)
    records.purge_events(con, now, timedelta(days=config.failed_run_retention_days))
    upkeep.note_tick(con, con.now())
    telemetry.logger.info("dispatched", extra=done)
    return done


def _resends(event: Any) -> bool:
    if event in ({}, None) or (isinstance(event, dict) and event.get("source") == "aws.events"):
        return False
    payload = event.get("payload") if isinstance(event, dict) and event.keys() == {"payload"} else None
    if payload == {}:
        return False
    if isinstance(payload, dict) and payload.keys() == {"resend"} and isinstance(payload["resend"], bool):
        return payload["resend"]
    raise EventError(
        'this function accepts a scheduled event of EventBridge, {} or {"payload": {"resend": true}}'
    )
