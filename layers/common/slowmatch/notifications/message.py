"""A notification in words: what every kind of destination makes its message of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.notifications.routing import Notification

LONGEST = 500


@dataclass(frozen=True, slots=True)
class Story:
    """`text` may be empty; `link` leads to the run, the job or the alarm. `good` is good news."""

    title: str
    text: str
    link: str | None
    link_title: str
    good: bool = False


def story(told: Notification, folded: int, console_url: str | None) -> Story:
    """The words for `told`; with `folded` above 1, for as many of its kind within the last hour."""
    title, text = _WORDS[told.event](told)
    if folded > 1:
        title = f"{folded:,} more within an hour: {title}"
        text = f"The first of them: {text}" if text else ""
    link, link_title = _link(told, console_url)
    return Story(title, _short(text), link, link_title, told.event == "recovered" or _is_ok(told.detail))


def _failed(told: Notification) -> tuple[str, str]:
    attempts = told.detail.get("attempt", 1)
    tries = f"after {attempts} attempts" if attempts != 1 else "at the first attempt"
    return f"{told.job} failed {tries}", str(told.detail.get("error", ""))


def _recovered(told: Notification) -> tuple[str, str]:
    return f"{told.job} works again", f"It had failed at {_time(told.detail.get('failed_at'))}."


def _missed(told: Notification) -> tuple[str, str]:
    occurrence = _time(told.detail.get("occurrence"))
    return f"{told.job} missed its run of {occurrence}", "No run was made for this time of its schedule."


def _dead_letters(told: Notification) -> tuple[str, str]:
    number = told.detail.get("count", 0)
    title = "1 dead letter" if number == 1 else f"{number:,} dead letters"
    return (
        f"{title} of {told.job}",
        "Messages that its function could not work on wait in its dead-letter queue.",
    )


def _alarm(told: Notification) -> tuple[str, str]:
    state = {"ALARM": "in alarm", "OK": "ok again"}.get(told.detail.get("state", ""), "without data")
    known = (str(told.detail.get(part) or "") for part in ("description", "reason"))
    return f"{told.detail.get('alarm')}: {state}", "\n".join(filter(None, known))


_WORDS = {
    "failed": _failed,
    "recovered": _recovered,
    "missed": _missed,
    "dead_letters": _dead_letters,
    "alarm": _alarm,
}


def _is_ok(detail: dict[str, Any]) -> bool:
    return detail.get("state") == "OK"


def _link(told: Notification, console_url: str | None) -> tuple[str | None, str]:
    if told.event == "alarm":
        return told.detail.get("url"), "Open the alarm"
    if console_url is None:
        return None, ""
    if told.run_id is not None:
        return f"{console_url}/runs/{told.run_id}", "Open the run"
    return f"{console_url}/jobs/{quote(told.job or '', safe='')}", "Open the job"


def _time(text: Any) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return "an unknown time"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
