"""A filter of runs in words: as chips above the list, and as part of a sentence."""

from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from console.forms.run_filter import RunFilterForm
from console.views.run import short_id
from console.web.formatting import listed, when
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.run_filter import RunFilter

PRESETS = {"15m": "15 min", "1h": "1 h", "24h": "24 h", "7d": "7 d"}
_SPANS = {
    "15m": "the last 15 minutes",
    "1h": "the last hour",
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
}
_LABELS = {
    "text": "Search",
    "state": "State",
    "job": "Job",
    "schedule": "Schedule",
    "trigger": "Started by",
    "error_type": "Error type",
    "last": "Created in",
    "from": "Created from",
    "to": "Created before",
    "ended_from": "Ended from",
    "ended_to": "Ended before",
    "bulk": "Changed by bulk action",
}
_TIME_FIELDS = ("{}", "{}_offset", "{}_at")


class Chip(NamedTuple):
    """An active part of the filter; `fields` are what has to go to remove it."""

    label: str
    text: str | Markup
    fields: tuple[str, ...]


def chips(form: RunFilterForm) -> list[Chip]:
    """The parts of the filter that are valid, in the order of the form."""
    wanted = form.run_filter
    times = {
        "from": wanted.created_from,
        "to": wanted.created_to,
        "ended_from": wanted.ended_from,
        "ended_to": wanted.ended_to,
    }
    found = []
    for name, label in _LABELS.items():
        value = form.values.get(name)
        if value is None or name in form.errors:
            continue
        text: str | Markup = {"last": _SPANS.get(value), "bulk": short_id(value)}.get(name) or value
        at = times.get(name)
        fields = tuple(each.format(name) for each in _TIME_FIELDS) if at else (name,)
        found.append(Chip(label, when(at, "minute") if at else text, fields))
    return found


def in_words(wanted: RunFilter | None, action: str = "") -> Markup:
    """The runs as a sentence names them, such as: failed runs of db-cleanup with the error type MailError.

    With an action, they are only those that it changes.
    """
    if wanted is None:
        return Markup("runs selected one by one")
    state = "retrying" if wanted.retrying else wanted.state
    if action:
        state = state or listed(ELIGIBLE[action])
    words = Markup("{}").format(f"{state} runs" if state else "runs in any state")
    parts = [
        ("of", wanted.job),
        ("of the schedule", wanted.schedule),
        ("started by", wanted.trigger),
        ("with the error type", wanted.error_type),
        ("that contain", wanted.text and f"“{wanted.text}”"),
        ("changed by the bulk action", wanted.bulk_action and short_id(wanted.bulk_action)),
        ("created from", wanted.created_from),
        ("created before", wanted.created_to),
        ("ended from", wanted.ended_from),
        ("ended before", wanted.ended_to),
    ]
    for name, value in parts:
        if value is not None:
            shown = when(value, "minute") if isinstance(value, datetime) else value
            words = Markup("{} {} {}").format(words, name, shown)
    return words
