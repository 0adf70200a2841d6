"""Applies the SQL migrations; invoked on every deploy, harmless to repeat."""

from typing import Any

from slowmatch import telemetry
from slowmatch.db import connection, migrate


def handler(event: Any, _context: Any) -> dict[str, list[str]]:
    """`{}` applies what is pending; `{"payload": {"dry_run": true}}` only tells what that is."""
    payload = event.get("payload") if isinstance(event, dict) else None
    if isinstance(payload, dict) and payload.get("dry_run") is True:
        return {"pending": [f"{file.version:04}_{file.name}" for file in migrate.pending(connection())]}
    applied = migrate.apply(connection())
    telemetry.logger.info("migrated", extra={"applied": applied})
    return {"applied": applied}
