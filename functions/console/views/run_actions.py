"""What the console says after an action on runs."""

from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from console.views.run import short_id
from console.views.run_filter import in_words
from console.web.formatting import listed, number, plural_runs
from slowmatch.db import Connection
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.lifecycle.bulk_actions import BulkAction
from slowmatch.jobs.model import Run
from slowmatch.jobs.queries import runs

_DONE = {"requeue": "queued for a retry", "run-now": "queued", "delete": "deleted"}
_POSSIBLE = {"requeue": "retried", "run-now": "run now", "delete": "deleted"}
_NOW = {
    "enqueued": "it is now waiting to start",
    "scheduled": "it is now scheduled",
    "processing": "it is now being processed",
    "succeeded": "it has succeeded in the meantime",
    "failed": "it has failed in the meantime",
    "deleted": "it has been deleted in the meantime",
    "stopped": "it has been stopped in the meantime",
}


class Outcome(NamedTuple):
    """What became of an action on one run: in a word, and in a sentence."""

    word: str
    text: str


def outcome(con: Connection, action: str, run: Run, *, is_done: bool) -> Outcome:
    """`run` is as it was before the action."""
    name = f"Run {short_id(run.id)} of {run.job}"
    if not is_done:
        now = runs.find(con, run.id)
        word = now.word if now else "gone"
        return Outcome(
            f"Now {word}", f"Nothing was done to the run: {_NOW.get(word, 'it no longer exists')}."
        )
    if action == "stop":
        return Outcome("Stopped", f"{name} was stopped. Its handler stops at its next checkpoint.")
    if action == "delete":
        return Outcome("Deleted", f"{name} was deleted.")
    return Outcome("Queued", f"{name} {queued(con, run.id, run.job)}.")


def queued(con: Connection, run_id: str, job: str) -> str:
    """That a run was queued, and behind which other run if it has to wait for one."""
    ahead = runs.blocking_run(con, job)
    behind = (
        f" behind run {short_id(ahead)}, which is still processing" if ahead not in (None, run_id) else ""
    )
    return f"was queued{behind}"


def bulk_result(bulk: BulkAction) -> str:
    """What a bulk action has done up to now: 1,200 runs were deleted."""
    count = plural_runs(number(bulk.done))
    return f"{count} {'was' if bulk.done == 1 else 'were'} {_DONE[bulk.action]}"


def left_alone(bulk: BulkAction) -> str:
    """A sentence about selected runs in states that the action does not start from; empty if there were none."""
    left = (bulk.total or 0) - bulk.done
    if bulk.filter is not None or left <= 0:
        return ""
    verb = "was" if left == 1 else "were"
    states = listed(ELIGIBLE[bulk.action])
    return (
        f"{plural_runs(number(left))} {verb} left alone: only {states} runs can be {_POSSIBLE[bulk.action]}."
    )


def progress(bulk: BulkAction) -> str:
    """How far it came: 12,000 of 100,000 runs."""
    total = "more than a million" if bulk.total is None else number(bulk.total)
    return f"{number(bulk.done)} of {total} runs"


def bulk_note(bulk: BulkAction, now: datetime) -> Markup:
    """Which runs a bulk action is about, and how far it came unless it is over."""
    words = Markup("{}{}").format("All " if bulk.filter else "", in_words(bulk.filter, bulk.action))
    words = words[:1].upper() + words[1:]
    if bulk.finished_at:
        return words
    state = "in progress:" if bulk.is_running(now) else "stopped after"
    return Markup("{}; {} {}").format(words, state, progress(bulk))
