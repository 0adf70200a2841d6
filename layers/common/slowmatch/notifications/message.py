"""A notification, and what a message about it says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.text import clean

MAX_TEXT_CHARACTERS = 500
GOOD_STATES = ("works", "OK")
LINK_LABELS = {
    "failing": "See what fails",
    "run": "Open the run",
    "job": "Open the job",
    "alarm": "Open the alarm",
}
_STARTED_BY = {
    "schedule": "its schedule",
    "api": "the API",
    "console": "the console",
    "direct": "a direct invocation",
}
_NEXT = {
    "scheduled": "Next retry at {}.",
    "enqueued": "The next retry is due.",
    "processing": "The next attempt is running.",
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One row of `notification`."""

    id: str
    at: datetime
    event: str
    job: str | None
    run_id: str | None
    detail: dict[str, Any]
    sequence: int = 0

    @property
    def subject(self) -> str:
        """The alarm, or the job."""
        return str(self.detail.get("alarm") or self.job or "")


@dataclass(frozen=True, slots=True)
class FailingRun:
    """The run that failed last, as it is when a message is sent. `failures` counts attempts of at most `max_attempts`.

    `next_at` is when it is due again, None if it is not waiting.
    """

    id: str
    state: str
    trigger: str
    failures: int
    max_attempts: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesState:
    """What is true about a job or an alarm when a message is sent.

    `state` is "failing" or "works" for the outcome of a job's runs, an alarm's state, or else the event. `since` says
    since when, for jobs and alarms: a job fails since the first failure after its last success. The message stands
    for `notifications`, the first of them at `first_at`. Since then a job `failed` and `recovered` so often, and the
    state `changed` or not. `run` is of a job that is failing. `dead_letters` is how many the job has now.
    """

    state: str
    since: datetime | None = None
    notifications: int = 1
    first_at: datetime
    failed: int = 0
    recovered: int = 0
    changed: bool = False
    last_error: str | None = None
    run: FailingRun | None = None
    dead_letters: int | None = None

    @property
    def is_good(self) -> bool:
        return self.state in GOOD_STATES or self.dead_letters == 0

    @property
    def is_digest(self) -> bool:
        return self.notifications > 1 or self.changed


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContent:
    """What a message about `notification` and its series says, wherever it is read. `text` may be empty.

    `links` lead to the pages about it, the most important one first; LINK_LABELS has what people read.
    """

    notification: Notification
    state: SeriesState
    title: str
    text: str
    links: dict[str, str]
    stack: str


def compose(
    notification: Notification, state: SeriesState, *, console_url: str | None, stack: str
) -> MessageContent:
    title, text = _title_and_text(notification, state)
    return MessageContent(
        notification=notification,
        state=state,
        title=title,
        text=clean(text, MAX_TEXT_CHARACTERS),
        links=_links(notification, state, console_url),
        stack=stack,
    )


def _title_and_text(notification: Notification, state: SeriesState) -> tuple[str, str]:
    job, detail = notification.job, notification.detail
    match notification.event:
        case "failed" | "recovered":
            return _job_title(notification, state), _job_text(state)
        case "missed":
            latest = _minute(detail.get("occurrence"))
            schedule = f" of schedule {detail['schedule']}" if "schedule" in detail else ""
            if state.is_digest:
                title = f"{job} missed {_times(state.notifications, 'scheduled run')}"
                first = f"First noticed at {_minute(state.first_at)}."
                return title, f"{first} The latest was due at {latest}{schedule}."
            title = f"{job} missed its run{schedule} at {latest}"
            return title, "No run was created for this scheduled time."
        case "dead_letters":
            had = _times(detail.get("count", 0), "dead letter")
            if state.dead_letters == 0:
                return f"{job} no longer has dead letters", f"It had {had} at {_minute(notification.at)}."
            has = _times(state.dead_letters, "dead letter") if state.dead_letters else had
            text = "Messages that its function could not process are in its dead-letter queue."
            return f"{job} has {has}", text
        case _:
            word = {"ALARM": "in alarm", "OK": "OK"}.get(detail.get("state", ""), "insufficient data")
            lines = [str(detail.get(key) or "") for key in ("description", "reason")]
            if state.is_digest:
                happened = "Its state has changed" if state.changed else "It has been reported"
                since = _minute(state.first_at)
                lines.insert(0, f"{happened} {_often(state.notifications)} since {since}.")
            return f"{detail.get('alarm')}: {word}", "\n".join(filter(None, lines))


def _job_title(notification: Notification, state: SeriesState) -> str:
    job, detail = notification.job, notification.detail
    now = f"{job} {'is failing' if state.state == 'failing' else 'works again'}"
    if state.is_digest:
        happened = [f"failed {_often(state.failed)}"] if state.failed else []
        happened += [f"recovered {_often(state.recovered)}"] if state.recovered else []
        return f"{now}: it has {' and '.join(happened)} since {_minute(state.first_at)}"
    if notification.event == "recovered":
        return now
    if number := detail.get("failures"):
        return f"{now}: {'an attempt failed' if number == 1 else f'{number} attempts failed in a row'}"
    attempts = detail.get("attempt", 1)
    return f"{job} failed {'on the first attempt' if attempts == 1 else f'after {attempts} attempts'}"


def _job_text(state: SeriesState) -> str:
    """Since when a job fails or works, what becomes of the run that failed, and at the end, as it may be cut, why."""
    tense = "It has been failing" if state.state == "failing" else "It has worked"
    text = f"{tense} since {_minute(state.since)}."
    if run := state.run:
        text += f" The last run to fail was started by {_STARTED_BY[run.trigger]}."
        if run.failures:
            text += f" Attempt {run.failures} of {run.max_attempts} failed."
        text += f" {_NEXT.get(run.state, 'No further retry.').format(_minute(run.next_at))}"
    return f"{text}\nThe last error: {state.last_error}" if state.last_error else text


def _times(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def _often(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _minute(moment: Any) -> str:
    """A moment, or its text, in words."""
    try:
        return f"{datetime.fromisoformat(str(moment)):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return "an unknown time"


def _links(notification: Notification, state: SeriesState, console_url: str | None) -> dict[str, str]:
    if notification.event == "alarm":
        url = notification.detail.get("url")
        return {"alarm": url} if url else {}
    if console_url is None:
        return {}
    job = quote(notification.job or "", safe="")
    run_id = state.run.id if state.run else notification.run_id
    return {
        **({"failing": f"{console_url}/dashboard/failing#{job}"} if state.state == "failing" else {}),
        **({"run": f"{console_url}/runs/{run_id}"} if run_id else {}),
        "job": f"{console_url}/jobs/{job}",
    }
