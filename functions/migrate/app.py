"""Applies the SQL migrations; invoked on every deploy, harmless to repeat."""

import dataclasses
from contextlib import closing
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, migrate
from slowmatch.settings import settings

MARGIN_SECONDS = 20
"""Left to say what happened when a statement took all the time that the function has."""


def handler(event: Any, context: Any) -> dict[str, list[str]]:
    """`{}` applies what is pending.

    `{"payload": {"dry_run": true}}` only tells what that is. `{"payload": {"may_block": true}}` also applies
    what others have to wait for longer than a second.
    """
    payload = event.get("payload") if isinstance(event, dict) else None
    payload = payload if isinstance(payload, dict) else {}
    with closing(_connection(context)) as con:
        if payload.get("dry_run") is True:
            return {"pending": [str(file) for file in migrate.pending(con)]}
        applied = migrate.apply(con, may_block=payload.get("may_block") is True)
    telemetry.logger.info("migrated", extra={"applied": applied})
    return {"applied": applied}


def _connection(context: Any) -> Connection:
    """One of its own: an index may take as long to build as the function has, and the lock goes with it."""
    left = context.get_remaining_time_in_millis() // 1000 - MARGIN_SECONDS
    return Connection(dataclasses.replace(settings(), db_statement_timeout_seconds=max(1, left)))
