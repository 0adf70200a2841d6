"""A notification, and what a message about it says."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.text import clean

MAX_TEXT_CHARACTERS = 500
GOOD_STATES = ("works", "OK")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesState:
    """What is true about a job or an alarm when a message is sent.

    `state` is "failing" or "works" for the outcome of a job's runs, an alarm's state, or else the event. `since` says
    since when, for jobs and alarms. The message stands for `notifications`, the first of them at `first_at`. Since
    then a job `failed` and `recovered` so often, and the state `changed` or not. `dead_letters` is how many the job
    has now.
    """

    state: str
    since: datetime | None = None
    notifications: int = 1
    first_at: datetime
    failed: int = 0
    recovered: int = 0
    changed: bool = False
    last_error: str | None = None
    dead_letters: int | None = None

    @property
    def is_good(self) -> bool:
        return self.state in GOOD_STATES or self.dead_letters == 0

    @property
    def is_digest(self) -> bool:
        return self.notifications > 1 or self.changed


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContent:
    """What a message about `notification` and its series says. `link` leads to the run, job or alarm.

    `text` may be empty.
    """

    notification: Notification
    state: SeriesState
    title: str
    text: str
    link: str | None
    link_label: str
    stack: str

    @property
    def is_good_news(self) -> bool:
        return self.state.is_good


def compose(
    notification: Notification, state: SeriesState, *, console_url: str | None, stack: str
) -> MessageContent:
    if state.is_digest or state.dead_letters is not None:
        title, text = _digest(notification, state)
    else:
        title, text = _title_and_text(notification)
    link, link_label = _link(notification, console_url)
    return MessageContent(
        notification=notification,
        state=state,
        title=title,
        text=clean(text, MAX_TEXT_CHARACTERS),
        link=link,
        link_label=link_label,
        stack=stack,
    )


def _title_and_text(notification: Notification) -> tuple[str, str]:
    job, detail = notification.job, notification.detail
    match notification.event:
        case "failed":
            if "failures" in detail:
                return f"{job} is failing: {_failures(detail['failures'])}", _error_and_next_try(detail)
            attempts = detail.get("attempt", 1)
            when = "on the first attempt" if attempts == 1 else f"after {attempts} attempts"
            return f"{job} failed {when}", str(detail.get("error", ""))
        case "recovered":
            return f"{job} works again", f"It last failed at {_minute(detail.get('failed_at'))}."
        case "missed":
            by = f" of schedule {detail['schedule']}" if "schedule" in detail else ""
            title = f"{job} missed its run{by} at {_minute(detail.get('occurrence'))}"
            return title, "No run was created for this scheduled time."
        case "dead_letters":
            number = detail.get("count", 0)
            letters = "1 dead letter" if number == 1 else f"{number:,} dead letters"
            text = "Messages that its function could not process are in its dead-letter queue."
            return f"{job} has {letters}", text
        case _:
            state = {"ALARM": "in alarm", "OK": "OK"}.get(detail.get("state", ""), "insufficient data")
            parts = (str(detail.get(key) or "") for key in ("description", "reason"))
            return f"{detail.get('alarm')}: {state}", "\n".join(filter(None, parts))


def _failures(number: Any) -> str:
    return "an attempt failed" if number == 1 else f"{number} attempts failed in a row"


def _error_and_next_try(detail: dict[str, Any]) -> str:
    error = clean(str(detail.get("error", "")), MAX_TEXT_CHARACTERS - 50)
    return f"{error}\nNext retry at {_minute(detail['next_at'])}." if "next_at" in detail else error


def _digest(notification: Notification, state: SeriesState) -> tuple[str, str]:
    """What a message that stands for several notifications says: the state now, and what happened since the first."""
    job, since = notification.job, f"since {_minute(state.first_at)}"
    match notification.event:
        case "failed" | "recovered":
            return _job_digest(notification, state)
        case "missed":
            latest = _minute(notification.detail.get("occurrence"))
            title = f"{job} missed {_times(state.notifications, 'scheduled run')}"
            by = (
                f", by schedule {notification.detail['schedule']}"
                if "schedule" in notification.detail
                else ""
            )
            return title, f"First noticed at {_minute(state.first_at)}. The latest was due at {latest}{by}."
        case "dead_letters":
            if state.dead_letters == 0:
                had = _times(int(notification.detail.get("count", 0)), "dead letter")
                return f"{job} no longer has dead letters", f"It had {had} at {_minute(notification.at)}."
            counted = {"count": state.dead_letters or notification.detail.get("count", 0)}
            return _title_and_text(replace(notification, detail=counted))
        case _:
            title, text = _title_and_text(notification)
            happened = "Its state has changed" if state.changed else "It has been reported"
            return title, f"{happened} {_often(state.notifications)} {since}.\n{text}"


def _job_digest(notification: Notification, state: SeriesState) -> tuple[str, str]:
    is_failing = state.state == "failing"
    happened = [f"failed {_often(state.failed)}"] if state.failed else []
    happened += [f"recovered {_often(state.recovered)}"] if state.recovered else []
    title = (
        f"{notification.job} {'is failing' if is_failing else 'works again'}: it has {' and '.join(happened)}"
    )
    tense = "It has been failing" if is_failing else "It has worked"
    text = f"{tense} since {_minute(state.since)}."
    if state.last_error:
        text += f"\nThe last error: {state.last_error}"
    return f"{title} since {_minute(state.first_at)}", text


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


def _link(notification: Notification, console_url: str | None) -> tuple[str | None, str]:
    if notification.event == "alarm":
        return notification.detail.get("url"), "Open the alarm"
    if console_url is None:
        return None, ""
    if notification.event == "failed":
        return f"{console_url}/dashboard/failing#{quote(notification.job or '', safe='')}", "See what fails"
    if notification.run_id is not None:
        return f"{console_url}/runs/{notification.run_id}", "Open the run"
    return f"{console_url}/jobs/{quote(notification.job or '', safe='')}", "Open the job"
