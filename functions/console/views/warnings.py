"""The dashboard's warnings, from the facts and the judgement of jobs.queries.health."""

from urllib.parse import urlencode

from markupsafe import Markup

from console.views.formatting import sentence, when
from slowmatch.jobs.queries.health import Problem

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
