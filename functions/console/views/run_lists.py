"""The lists of runs: what each holds, which columns it has, what it says when nothing is there."""

from dataclasses import dataclass

from slowmatch.jobs.lifecycle import actions


@dataclass(frozen=True, slots=True)
class Kind:
    """A list of runs. `columns` are macros in cells.html; `teach` says what would be there, and how it comes."""

    name: str
    title: str
    columns: tuple[str, ...]
    teach: str
    state: str | None = None
    retrying: bool | None = None

    @property
    def actions(self) -> tuple[str, ...]:
        """What can be done to a run of this list."""
        return tuple(name for name, states in actions.ELIGIBLE.items() if self.state in (None, *states))


LISTS = {
    kind.name: kind
    for kind in (
        Kind(
            "runs",
            "All runs",
            ("id", "state", "job", "trigger", "created", "took"),
            "Every run of every job stands here, newest first. There is none yet: a schedule starts the first,"
            " or you do, on the page of a job.",
        ),
        Kind(
            "enqueued",
            "Enqueued",
            ("id", "state", "job", "trigger", "enqueued"),
            "Runs that are due and wait for a worker stand here. Run a job from its page, and it passes through.",
            "enqueued",
        ),
        Kind(
            "scheduled",
            "Scheduled",
            ("id", "due", "job", "reason", "since"),
            "Runs that are due later stand here: those somebody put off with Run later, and retries.",
            "scheduled",
        ),
        Kind(
            "processing",
            "Processing",
            ("id", "worker", "job", "started", "progress"),
            "Runs that a worker is carrying out stand here, with their progress. Nothing runs at this moment.",
            "processing",
        ),
        Kind(
            "succeeded",
            "Succeeded",
            ("id", "job", "duration", "latency", "finished"),
            "Runs that came to a good end stand here. Run a job from its page, and its run will be one of them.",
            "succeeded",
        ),
        Kind(
            "failed",
            "Failed",
            ("id", "job", "error", "finished"),
            "Runs whose last attempt failed stand here, to be requeued or deleted. None did: good.",
            "failed",
        ),
        Kind(
            "deleted",
            "Deleted",
            ("id", "job", "trigger", "created", "finished"),
            "Runs that somebody deleted, and ticks that were skipped because the job was still running,"
            " stand here.",
            "deleted",
        ),
        Kind(
            "retries",
            "Retries",
            ("id", "state", "job", "reason", "due", "created"),
            "Runs that failed and will be tried again stand here, with the reason. None has to.",
            "scheduled",
            True,
        ),
    )
}
