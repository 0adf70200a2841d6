"""Applies the SQL migrations. Every deployment invokes it; repeating it does no harm."""

import dataclasses
from contextlib import closing
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, migrate
from slowmatch.settings import settings

SWITCHES = ("dry_run", "may_block")
RESERVE_SECONDS = 20
"""Left to report what happened when a statement took all of the function's time."""


class EventError(ValueError):
    """An event of another shape. It is refused because a mistyped dry run must not apply anything."""


def handler(event: Any, context: Any) -> dict[str, list[str]]:
    """`{}` applies the pending migrations.

    `{"payload": {"dry_run": true}}` only lists them. `{"payload": {"may_block": true}}` also applies those that
    others have to wait for longer than a second. Raises EventError for anything else.
    """
    payload = _payload(event)
    # A statement, such as building an index, may take as long as the function has.
    left = context.get_remaining_time_in_millis() // 1000 - RESERVE_SECONDS
    config = dataclasses.replace(settings(), db_statement_timeout_seconds=max(1, left))
    with closing(Connection(config)) as con:
        if payload.get("dry_run"):
            return {"pending": [str(file) for file in migrate.pending(con)]}
        applied = migrate.apply(con, may_block=payload.get("may_block", False))
    telemetry.logger.info("migrated", extra={"applied": applied})
    return {"applied": applied}


def _payload(event: Any) -> dict[str, bool]:
    match event:
        case None | {} if not event:
            return {}
        case {"payload": dict(payload), **others} if not others:
            if all(name in SWITCHES and isinstance(value, bool) for name, value in payload.items()):
                return payload
    raise EventError(
        'this function accepts {}, {"payload": {"dry_run": true}} or {"payload": {"may_block": true}}'
    )
