"""Is anything wrong? Facts and moments only: ages would change at every look."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.counts import capped, counting
from slowmatch.db.unchanged import unchanged
from slowmatch.jobs.stats import MISSED, OLDEST_WAITING_AT

SILENCE = timedelta(minutes=5)
KEPT_SECONDS = 5
"""How late may be told what comes about by time passing alone."""

_ALERTS = f"""
    SELECT json_build_object(
        'failed_24h', {counting("job_run WHERE state = 'failed' AND finished_at >= CAST(:since AS timestamptz)")},
        'retrying', {counting("job_run WHERE state = 'scheduled' AND failures > 0")},
        'missed_24h', {MISSED},
        'oldest_waiting_at', {OLDEST_WAITING_AT},
        'last_dispatcher_tick', (SELECT finished_at FROM dispatcher_tick),
        'silent_since', (
            SELECT COALESCE(claim.last_at, stuck.due_at)
            FROM (
                SELECT due_at FROM (
                    SELECT job, exclusive, due_at FROM job_run
                    WHERE state IN ('enqueued', 'scheduled') AND due_at <= CAST(:late AS timestamptz)
                    ORDER BY due_at LIMIT 1000
                ) AS waiting
                WHERE NOT exclusive OR NOT EXISTS (
                    SELECT FROM job_run AS running WHERE running.job = waiting.job AND running.state = 'processing'
                )
                ORDER BY due_at LIMIT 1
            ) AS stuck, (SELECT max(started_at) AS last_at FROM job_attempt) AS claim
            WHERE claim.last_at IS NULL OR claim.last_at <= CAST(:late AS timestamptz)
        ),
        'paused', (
            SELECT COALESCE(json_agg(json_build_object(
                'job', name, 'at', paused_at, 'by', paused_by, 'note', pause_note
            ) ORDER BY name), '[]')
            FROM job WHERE paused_at IS NOT NULL
        )
    )
"""


def alerts(con: Connection, now: datetime) -> dict[str, Any]:
    """What may need somebody. `failed_24h` and `retrying` are counts up to CAP; times are ISO texts or None.

    `silent_since` is the last claim of any worker, when nobody claimed anything for SILENCE although
    work that nothing stands in the way of waited for that long.
    """
    times = {"now": now, "since": now - timedelta(days=1), "late": now - SILENCE}
    moment = int(now.timestamp()) // KEPT_SECONDS
    ((found,),) = unchanged(con, ("alerts", moment), lambda: con.query(_ALERTS, **times))
    for name in ("failed_24h", "retrying"):
        found[name] = capped(found[name])
    return dict(found)
