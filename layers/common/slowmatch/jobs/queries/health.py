"""Is anything wrong? Facts and moments only: ages would change at every look."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.counts import capped, counting
from slowmatch.db.unchanged import unchanged
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.jobs.queries.removed_jobs import waiting_for_removed_jobs
from slowmatch.jobs.queries.stats import MISSED, OLDEST_WAITING_AT
from slowmatch.jobs.queries.waiting import NAMED
from slowmatch.text import to_json

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
        'dispatcher_did', COALESCE((SELECT done FROM dispatcher_tick), '{{}}'),
        'failing', COALESCE((SELECT failing FROM dispatcher_tick), '{{}}'),
        'silent_since', (
            SELECT COALESCE(claim.last_at, stuck.due_at)
            FROM (
                SELECT waiting.due_at FROM {NAMED} AS wanted(name), LATERAL (
                    SELECT exclusive, due_at FROM job_run
                    WHERE job = wanted.name AND state IN ('enqueued', 'scheduled')
                      AND due_at <= CAST(:late AS timestamptz)
                    ORDER BY due_at LIMIT 1
                ) AS waiting
                WHERE NOT waiting.exclusive OR NOT EXISTS (
                    SELECT FROM job_run AS running WHERE running.job = wanted.name AND running.state = 'processing'
                )
                ORDER BY waiting.due_at LIMIT 1
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

    `dispatcher_did` has the figures of the dispatcher's last pass; `failing` are the duties that failed in it, each
    with its `problem`, and `since` when.
    `removed` counts the runs that wait for a job which is not in the catalog, by job.
    `disabled` says why jobs cannot run, by job.
    `silent_since` is the last claim of any worker, when nobody claimed anything for SILENCE although
    work that nothing stands in the way of waited for that long.
    """
    values = {
        "now": now,
        "since": now - timedelta(days=1),
        "late": now - SILENCE,
        "names": to_json(list(JOBS)),
    }
    moment = int(now.timestamp()) // KEPT_SECONDS
    ((found,),), removed, disabled = unchanged(
        con,
        ("alerts", moment),
        lambda: (con.query(_ALERTS, **values), waiting_for_removed_jobs(con), disabled_jobs(con)),
    )
    found |= {"removed": removed, "disabled": disabled}
    for name in ("failed_24h", "retrying"):
        found[name] = capped(found[name])
    return dict(found)
