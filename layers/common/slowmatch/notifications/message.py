"""A notification, and what a message about it says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.text import clean

MAX_TEXT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Notification:
    """One row of `notification`."""

    id: str
    at: datetime
    event: str
    job: str | None
    run_id: str | None
    detail: dict[str, Any]

    @property
    def subject(self) -> str:
        """The job, or the alarm without one. Repetitions are counted for each event and subject."""
        return self.job or str(self.detail.get("alarm", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContent:
    """What a message about `notification` says. `text` may be empty; `link` leads to the run, job or alarm.

    `digested` above 1 is how many notifications of the same event and subject it stands for.
    """

    notification: Notification
    title: str
    text: str
    link: str | None
    link_label: str
    stack: str
    digested: int

    @property
    def is_good_news(self) -> bool:
        return self.notification.event == "recovered" or self.notification.detail.get("state") == "OK"


def compose(
    notification: Notification, digested: int, *, console_url: str | None, stack: str
) -> MessageContent:
    title, text = _title_and_text(notification)
    if digested > 1:
        title = f"{digested:,} more within an hour: {title}"
        text = f"The first one: {text}" if text else ""
    link, link_label = _link(notification, console_url)
    return MessageContent(
        notification=notification,
        title=title,
        text=clean(text, MAX_TEXT_CHARACTERS),
        link=link,
        link_label=link_label,
        stack=stack,
        digested=digested,
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
            title = f"{job} missed its run at {_minute(detail.get('occurrence'))}"
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
    return f"{error}\nNext try at {_minute(detail['next_at'])}." if "next_at" in detail else error


def _minute(text: Any) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M} UTC"
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
