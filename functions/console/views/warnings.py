"""The dashboard's warnings and metric boxes, from the facts and the judgement of jobs.queries.health."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from console.views.formatting import format_count, number, sentence, when
from slowmatch.jobs.queries.health import DISPATCHER_LATE, Facts, Problem
from slowmatch.jobs.queries.queue_depths import Depths

LONG_WAIT = timedelta(minutes=5)
_LINKS = {
    "failed_runs": ("failed", "See the errors"),
    "missed_runs": ("recurring", "See which"),
    "dead_letters": ("workers", "See the queues"),
    "unreadable_queues": ("workers", "See the queues"),
    "clock": ("workers", "See the clocks"),
}


def warning(problem: Problem) -> dict[str, str]:
    """A problem as a sentence (`text`), and the `href` and `link` of the page about it."""
    text = sentence(problem.text)
    if problem.since:
        text = Markup("{} Since {}.").format(text, when(problem.since, "exact"))
    page, link = _LINKS.get(problem.kind, ("workers", "See the workers"))
    if problem.job is not None:
        page, link = f"runs?{urlencode({'job': problem.job})}", "See its runs"
    return {"text": text, "href": f"/dashboard/{page}", "link": link}


def boxes(facts: Facts, depths: Depths, now: datetime) -> list[dict[str, Any]]:
    """The metric boxes. Each has a `value` or a time (`at`), and a `tone` if it needs attention."""
    dead = None if depths.problem else depths.dead
    oldest, last_pass = facts.oldest_waiting_at, facts.dispatcher.at
    is_late = last_pass is None or now - last_pass >= DISPATCHER_LATE
    waits_long = oldest is not None and now - oldest > LONG_WAIT
    failed, retrying = format_count(facts.failed_24h), format_count(facts.retrying)
    return [
        _box("Failed, 24 h", failed, "failed", tone="bad" if failed != "0" else ""),
        _box("Retrying", retrying, "retries", tone="notable" if retrying != "0" else ""),
        _box("Missed, 24 h", number(facts.missed_24h), "recurring", tone="bad" if facts.missed_24h else ""),
        _box("Oldest waiting run", "none", "enqueued", at=oldest, tone="notable" if waits_long else ""),
        _box(
            "Dead letters", "?" if dead is None else number(dead), "workers", tone="" if dead == 0 else "bad"
        ),
        _box("Dispatcher", "never", "workers", at=last_pass, tone="bad" if is_late else ""),
        _box(
            "Paused jobs",
            number(len(facts.paused_jobs)),
            "recurring",
            tone="notable" if facts.paused_jobs else "",
        ),
    ]


def _box(label: str, value: str, page: str, *, at: datetime | None = None, tone: str = "") -> dict[str, Any]:
    return {"label": label, "value": value, "href": f"/dashboard/{page}", "at": at, "tone": tone}
