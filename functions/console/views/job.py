"""A job's card as it is drawn: the form's inputs, and the sparkline of its last runs."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from console.forms import job as job_form
from console.views.formatting import duration, so_many_runs
from slowmatch.db.counts import CappedCount
from slowmatch.http.auth.roles import job_role
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.definition import Job
from slowmatch.jobs.queries.job_summaries import EndedRun, JobSummary

SLOTS, STEP, WIDTH, HEIGHT, LEAST = 20, 8, 6, 32, 3
"""The sparkline in SVG units: bars, their distance and width, the height of the longest and the shortest."""


def card(found: JobSummary) -> dict[str, Any]:
    """The job summary, with what the page adds."""
    return {
        **asdict(found),
        "role": job_role(found.name),
        "form": _form_title(JOBS[found.name]),
        "queue_depth": CappedCount(found.queue_depth.number, found.queue_depth.capped),
        "inputs": job_form.inputs(JOBS[found.name]),
        "bars": bars(found.recent),
        "last_failed": next((run.id for run in reversed(found.recent) if run.state == "failed"), None),
        "recent_words": words(found.recent),
    }


def _form_title(job: Job) -> str:
    """The title of a form that must be seen before the job is started; empty for a job that one click starts."""
    return job.form or ("Run with payload" if job.required else "")


def bars(recent: list[EndedRun]) -> list[dict[str, Any]]:
    """A bar for each run, oldest first, at the right end; its height is the duration.

    A run that somebody deleted says nothing about how long the job takes, so it does not dwarf the others.
    """
    runs = recent[-SLOTS:]
    carried_out = [run for run in runs if run.state != "deleted"] or runs
    longest = max((run.duration_ms or 0 for run in carried_out), default=0) or 1
    first = SLOTS - len(runs)
    drawn = []
    for number, run in enumerate(runs, first):
        share = min((run.duration_ms or 0) / longest, 1)
        height = max(LEAST, round(HEIGHT * share, 1))
        place = {"x": number * STEP, "y": round(HEIGHT - height, 1), "width": WIDTH, "height": height}
        drawn.append({"state": run.state, "title": _title(run), "place": place})
    return drawn


def words(recent: list[EndedRun]) -> str:
    """The sparkline for those who cannot see it."""
    counts = Counter(run.state for run in recent)
    ended = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    longest = max((run.duration_ms or 0 for run in recent), default=0)
    return f"Last {so_many_runs(str(len(recent)))}: {ended}; the longest took {duration(longest)}"


def _title(run: EndedRun) -> str:
    took = f", {duration(run.duration_ms)}" if run.duration_ms is not None else ""
    return f"{run.state}{took}, {run.created_at:%d %b %Y, %H:%M} UTC"
