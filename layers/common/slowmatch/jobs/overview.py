"""Everything that pages and the API show about jobs and runs as a whole, in one place to import."""

from slowmatch.db.counts import Count
from slowmatch.jobs.activity import Activity, activity
from slowmatch.jobs.alerts import alerts
from slowmatch.jobs.analytics import durations, failure_reasons, history, realtime, record_history
from slowmatch.jobs.cards import job_card, jobs
from slowmatch.jobs.counts import counts
from slowmatch.jobs.disabled import disabled_jobs
from slowmatch.jobs.pauses import NoSchedule, pause, pauses, resume
from slowmatch.jobs.removed import waiting_for_removed_jobs
from slowmatch.jobs.stats import dispatcher_tick, stats
from slowmatch.jobs.workers import workers

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
