"""Problems as sentences with links, and the metric boxes of the overview."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from console.views.formatting import counted, number, sentence, when
from slowmatch.jobs.queries.health import DISPATCHER_LATE, Facts, Problem
from slowmatch.jobs.queries.queue_depths import Depths

WAIT_LONG = timedelta(minutes=5)
ABOUT_WORKERS = {
    "silence",
    "dispatcher_late",
    "failing_duty",
    "dead_letters",
    "unreadable_queues",
    "clock",
}
"""Kinds of problems that the workers' page shows."""
_LINKS = {
    "failed_runs": ("failed", "See why"),
    "missed_runs": ("recurring", "See which"),
    "dead_letters": ("workers", "See the queues"),
    "clock": ("workers", "See the clocks"),
}


def links(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """Sentences, each with a link to the page that says more."""
    return [_link(problem) for problem in problems]


def boxes(facts: Facts, depths: Depths, now: datetime) -> list[dict[str, Any]]:
    """The metric boxes. `at` is a moment, `value` a figure; a `bad` box asks for somebody."""
    oldest, last_pass = facts.oldest_waiting_at, facts.dispatcher.at
    dead = None if depths.problem else depths.dead
    return [
        _box("Failed, 24 h", counted(facts.failed_24h), "/dashboard/failed", bad=facts.failed_24h.number > 0),
        _box("Retrying", counted(facts.retrying), "/dashboard/retries", notable=facts.retrying.number > 0),
        _box("Missed, 24 h", number(facts.missed_24h), "/dashboard/recurring", bad=facts.missed_24h > 0),
        _box(
            "Oldest waiting",
            "none",
            "/dashboard/enqueued",
            at=oldest,
            notable=oldest is not None and now - oldest > WAIT_LONG,
        ),
        _box("Dead letters", "?" if dead is None else number(dead), "/dashboard/workers", bad=dead != 0),
        _box(
            "Dispatcher",
            "never",
            "/dashboard/workers",
            at=last_pass,
            bad=last_pass is None or now - last_pass >= DISPATCHER_LATE,
        ),
        _box(
            "Paused jobs",
            number(len(facts.paused_jobs)),
            "/dashboard/recurring",
            notable=bool(facts.paused_jobs),
        ),
    ]


def _link(problem: Problem) -> dict[str, str]:
    text = sentence(problem.text)
    if problem.since:
        text = Markup("{} Since {}.").format(text, when(problem.since, "exact"))
    if problem.job is not None:
        label = "See them" if problem.kind == "removed_job" else "See its runs"
        return {"text": text, "href": f"/dashboard/runs?{urlencode({'job': problem.job})}", "link": label}
    page, label = _LINKS.get(problem.kind, ("workers", "See the workers"))
    return {"text": text, "href": f"/dashboard/{page}", "link": label}


def _box(label: str, value: str, href: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "value": value, "href": href, "at": None, "bad": False, "notable": False, **more}
