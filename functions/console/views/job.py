"""A job summary as the pages show it: with its form's inputs and a sparkline of its last runs."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from console.forms import job as job_form
from console.web.formatting import duration, plural_runs
from slowmatch.db.counts import CappedCount
from slowmatch.http.auth.roles import job_role
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.queries.job_summaries import EndedRun, JobSummary

BARS = 20
BAR_STEP, BAR_WIDTH, BAR_MAX_HEIGHT, BAR_MIN_HEIGHT = 8, 6, 32, 3
"""In the sparkline's SVG units."""


def with_view(summary: JobSummary) -> dict[str, Any]:
    """The summary from the database with what the page adds."""
    job, recent = JOBS[summary.name], summary.recent
    return {
        **asdict(summary),
        "role": job_role(job.name),
        # A job that has a title is started only by its form.
        "form_title": job.form or ("Run with payload" if job.required else ""),
        "queue_depth": CappedCount(summary.queue_depth.number, summary.queue_depth.capped),
        "inputs": job_form.inputs(job),
        "bars": bars(recent),
        "bars_description": _describe_bars(recent),
        "last_failed": next((run.id for run in reversed(recent) if run.state == "failed"), None),
    }


def bars(recent: list[EndedRun]) -> list[dict[str, Any]]:
    """A bar for each run, oldest first and aligned to the right, as high as the run was long.

    Deleted runs do not count for the scale: their durations say nothing about the job.
    """
    runs = recent[-BARS:]
    scale = max((run.duration_ms or 0 for run in runs if run.state != "deleted"), default=0)
    scale = scale or max((run.duration_ms or 0 for run in runs), default=0) or 1
    drawn = []
    for slot, run in enumerate(runs, BARS - len(runs)):
        share = min((run.duration_ms or 0) / scale, 1)
        height = max(BAR_MIN_HEIGHT, round(BAR_MAX_HEIGHT * share, 1))
        rectangle = {
            "x": slot * BAR_STEP,
            "y": round(BAR_MAX_HEIGHT - height, 1),
            "width": BAR_WIDTH,
            "height": height,
        }
        took = "" if run.duration_ms is None else f", {duration(run.duration_ms)}"
        title = f"{run.state}{took}, {run.created_at:%d %b %Y, %H:%M} UTC"
        drawn.append({"state": run.state, "title": title, "rectangle": rectangle})
    return drawn


def _describe_bars(recent: list[EndedRun]) -> str:
    """The sparkline in words, for screen readers."""
    counts = Counter(run.state for run in recent)
    states = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    longest = max((run.duration_ms or 0 for run in recent), default=0)
    return f"Last {plural_runs(str(len(recent)))}: {states}; the longest took {duration(longest)}"
