"""Everything that pages and the API show about jobs and runs as a whole, in one place to import."""

from slowmatch.db.counts import Count
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.jobs.lifecycle.pause import NoSchedule, pause, pauses, resume
from slowmatch.jobs.queries.audit_log import Activity, activity
from slowmatch.jobs.queries.counts import counts
from slowmatch.jobs.queries.health import alerts
from slowmatch.jobs.queries.job_summaries import job_card, jobs
from slowmatch.jobs.queries.metrics import durations, failure_reasons, history, realtime, record_history
from slowmatch.jobs.queries.removed_jobs import waiting_for_removed_jobs
from slowmatch.jobs.queries.stats import dispatcher_tick, stats
from slowmatch.jobs.queries.workers import workers

__all__ = [
    "Activity",
    "Count",
    "NoSchedule",
    "activity",
    "alerts",
    "counts",
    "disabled_jobs",
    "dispatcher_tick",
    "durations",
    "failure_reasons",
    "history",
    "job_card",
    "jobs",
    "pause",
    "pauses",
    "realtime",
    "record_history",
    "resume",
    "stats",
    "waiting_for_removed_jobs",
    "workers",
]
