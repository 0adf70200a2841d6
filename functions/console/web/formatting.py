"""The template filters: numbers, durations, times and states as the pages show them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from slowmatch.db.counts import CappedCount


def number(value: float) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def format_count(value: CappedCount) -> str:
    """An exact, capped or estimated count: 340, 1,000+, ≈ 340,000, ≈ 3.2 M."""
    if value.about is None:
        return f"{value.number:,}{'+' if value.capped else ''}"
    about = round(value.about, 2 - len(str(value.about)))
    return f"≈ {about:,}" if about < 1_000_000 else f"≈ {about / 1_000_000:,g} M"


def plural_runs(number: str) -> str:
    """A formatted number of runs: 1 run, 1,000+ runs."""
    return f"{number} run" if number == "1" else f"{number} runs"


def listed(words: Sequence[str]) -> str:
    """The words as a sentence lists them: succeeded, failed and deleted."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def sentence(text: str) -> str:
    """`text` with a capital at the beginning and a full stop at the end."""
    end = "" if text.endswith((".", "!", "?")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}"


def duration(milliseconds: float | None) -> str:
    """840 ms, 3.2 s, 4 m 10 s, 2 h 5 m, 3 d 4 h; empty for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def ms_until(start: datetime | str | None, end: datetime | str | None) -> float | None:
    """Milliseconds from `start` to `end`; None if one is missing."""
    return None if start is None or end is None else (parse(end) - parse(start)).total_seconds() * 1000


def when(value: datetime | str | None, form: str = "relative") -> Markup:
    """A <time> with the exact time as its tooltip: `relative` in words, or `due`, `minute`, or `exact`.

    times.js shows it in the viewer's zone and keeps the words up to date.
    """
    if value is None:
        return Markup('<span class="muted">never</span>')
    at = parse(value)
    exact = f"{at:%-d %b %Y, %H:%M:%S} UTC"
    now = datetime.now(UTC)
    due = "due " if form == "due" and at <= now else ""
    shown = {"exact": exact, "minute": f"{at:%-d %b, %H:%M}"}.get(form) or due + in_words(at, now)
    return Markup('<time datetime="{}" data-form="{}" title="{}">{}</time>').format(
        at.isoformat().replace("+00:00", "Z"), form, exact, shown
    )


def in_words(at: datetime, now: datetime) -> str:
    """3 min ago, yesterday 08:00, in 5 min, tomorrow 08:00, Wed 08:00, 3 Dec 08:00, in 4 years.

    Both times and the words are in UTC. times.js says the same in the viewer's zone.
    """
    seconds = (at - now).total_seconds()
    size = abs(seconds)
    if size < 2:
        return "just now"
    if size < 3600:
        about = f"{size // 1:.0f} s" if size < 60 else f"{size // 60:.0f} min"
        return f"{about} ago" if seconds < 0 else f"in {about}"
    days = (at.date() - now.date()).days
    return _past(at, size, -days) if seconds < 0 else _ahead(at, now, days)


def _past(at: datetime, seconds: float, days: int) -> str:
    if seconds < 86400:
        return f"{seconds // 3600:.0f} h ago"
    if days == 1:
        return f"yesterday {at:%H:%M}"
    if days < 7:
        return f"{days} days ago"
    return f"{at:%-d %b}" if days < 300 else f"{at:%-d %b %Y}"


def _ahead(at: datetime, now: datetime, days: int) -> str:
    if days == 0:
        return f"{at:%H:%M}"
    if days == 1:
        return f"tomorrow {at:%H:%M}"
    if days < 7:
        return f"{at:%a %H:%M}"
    if days < 300:
        return f"{at:%-d %b %H:%M}"
    if days < 731:
        return f"{at:%-d %b %Y}"
    return f"in {at.year - now.year - ((at.month, at.day) < (now.month, now.day))} years"


def parse(value: datetime | str) -> datetime:
    """The time in UTC, from an aware time or its ISO text."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def input_value(value: datetime | str) -> str:
    """A time as the value of <input type=datetime-local>, in UTC; empty for what is not a time."""
    try:
        return f"{parse(value):%Y-%m-%dT%H:%M}"
    except (ValueError, OverflowError):
        return ""


def since(value: datetime | str, now: datetime | None = None) -> Markup:
    """How long ago a moment was, as since.js goes on counting every second."""
    at = parse(value)
    seconds = max(int(((now or datetime.now(UTC)) - at).total_seconds()), 0)
    text = duration(seconds * 1000) if seconds >= 60 else f"{seconds} s"
    return Markup('<span class="nowrap" data-since="{}">{}</span>').format(at.isoformat(), text)


def state_word(name: str) -> str:
    """What people call a state or an outcome."""
    return "stopped" if name == "cancelled" else name


def state(name: str, word: str = "") -> Markup:
    """A state or outcome in its colour; a run that was stopped has a `word` of its own."""
    return Markup('<span class="state {}">{}</span>').format(name, word or state_word(name))


_FILTERS = (number, format_count, plural_runs, sentence, duration, ms_until, when, since, state, input_value)
FILTERS: dict[str, Callable[..., Any]] = {each.__name__: each for each in _FILTERS}
