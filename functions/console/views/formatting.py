"""How the pages say numbers, durations, times and states."""

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

_EXACT = "%-d %b %Y, %H:%M:%S UTC"


def number(value: float) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def counted(value: Any) -> str:
    """A count that may be cut off, or else estimated: 1,000+, ≈ 340,000, ≈ 3.2 M."""
    if value.about is None:
        return f"{value.number:,}{'+' if value.capped else ''}"
    about = round(value.about, 2 - len(str(value.about)))
    return f"≈ {about:,}" if about < 1_000_000 else f"≈ {about / 1_000_000:,g} M"


def so_many_runs(count: str) -> str:
    """For a number as the page says it: 1 run, 1,000+ runs."""
    return f"{count} run" if count == "1" else f"{count} runs"


def sentence(text: str) -> str:
    """What errors say, begun with a capital and ended with a full stop."""
    end = "" if text.endswith((".", "!", "?")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}"


def duration(milliseconds: float | None) -> str:
    """840 ms, 3.2 s, 4 m 10 s, 2 h 05 m; nothing for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} m"


def parse(value: datetime | str) -> datetime:
    """An aware time, in UTC, from itself or from its ISO text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)


def minute(value: datetime | str) -> str:
    """A time in UTC as <input type=datetime-local> has it; nothing for what is not a time."""
    try:
        return f"{parse(value):%Y-%m-%dT%H:%M}"
    except (ValueError, OverflowError):
        return ""


def between(start: datetime | str | None, end: datetime | str | None) -> float | None:
    """Milliseconds from `start` to `end`, None where one is missing."""
    if start is None or end is None:
        return None
    return (parse(end) - parse(start)).total_seconds() * 1000


def when(value: datetime | str | None, form: str = "relative") -> Markup:
    """A time that the browser words: `relative` as 3 min ago, `exact` in the viewer's own zone."""
    if value is None:
        return Markup('<span class="muted">never</span>')
    moment = parse(value)
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(
        moment.isoformat().replace("+00:00", "Z"), form, moment.strftime(_EXACT)
    )


def percent(progress: dict[str, Any] | None) -> int | None:
    """How much is done, from 0 to 100; None when the whole is not known."""
    if not progress or not progress.get("total"):
        return None
    return int(max(0, min(100, 100 * progress["done"] / progress["total"])))


def state(name: str) -> Markup:
    """A state as a word in its colour."""
    return Markup('<span class="state {0}">{0}</span>').format(name)


FILTERS = {
    "number": number,
    "counted": counted,
    "duration": duration,
    "when": when,
    "percent": percent,
    "minute": minute,
    "state": state,
    "so_many_runs": so_many_runs,
    "sentence": sentence,
}
