"""Stores that the dispatcher passed, which the health check looks at."""

from collections.abc import Mapping
from datetime import datetime

from slowmatch.db import Connection
from slowmatch.text import to_json


def store_pass(
    con: Connection,
    now: datetime,
    done: Mapping[str, int] | None = None,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Store when a pass ended, what it did, and why duties failed.

    A duty that failed in the last pass too keeps its `since`.
    """
    problems = {
        name: {"problem": problem, "since": now.isoformat()} for name, problem in (failed or {}).items()
    }
    con.query(
        """
        INSERT INTO dispatcher_tick AS last (finished_at, done, failing)
        VALUES (:now::timestamptz, :done::jsonb, :failing::jsonb)
        ON CONFLICT (only_one) DO UPDATE
        SET finished_at = EXCLUDED.finished_at, done = EXCLUDED.done, failing = (
            SELECT COALESCE(jsonb_object_agg(key, value || jsonb_build_object(
                'since', COALESCE(last.failing -> key -> 'since', value -> 'since')
            )), '{}') FROM jsonb_each(EXCLUDED.failing)
        )
        """,
        now=now,
        done=to_json(done or {}),
        failing=to_json(problems),
    )
