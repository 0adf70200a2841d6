"""The summary as a mail. Templates in the operator's own folder win over the ones beside this file."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from slowmatch.mail import Refused

if TYPE_CHECKING:
    from jinja2 import Environment

OWN_TEMPLATES = Path(__file__).parent / "templates"

# What an expression in somebody's template can come to.
_IN_AN_EXPRESSION = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the templates can show: the UTC day, the 24 hours that were counted, and three numbers."""

    day: date
    window_start: datetime
    window_end: datetime
    total: int
    created: int
    expired: int


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    html: str
    text: str


def render(summary: Summary, templates_dir: str | None) -> Rendered:
    """Fill subject.txt, summary.html and summary.txt; raise Refused, naming the template, for a broken one."""
    from jinja2 import TemplateError

    environment = _environment(templates_dir)
    values = asdict(summary)

    def fill(name: str) -> str:
        try:
            return environment.get_template(name).render(values)
        except (TemplateError, *_IN_AN_EXPRESSION, OSError) as error:
            raise Refused(f"{_place(name, error)}: {error}. Look at MAIL_TEMPLATES_DIR") from error

    subject = fill("subject.txt").strip()
    if not subject or len(subject.splitlines()) > 1:
        raise Refused(f"subject.txt gives {subject!r}: one line is needed. Look at MAIL_TEMPLATES_DIR")
    return Rendered(subject, fill("summary.html"), fill("summary.txt"))


def _environment(templates_dir: str | None) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    if templates_dir is not None and not Path(templates_dir).is_dir():
        raise Refused(f"MAIL_TEMPLATES_DIR is {templates_dir!r}: there is no such folder")
    folders = [OWN_TEMPLATES] if templates_dir is None else [Path(templates_dir), OWN_TEMPLATES]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(number=number, day=day, moment=moment)
    return environment


def number(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def day(value: date) -> str:
    """Tuesday, 4 March 2025."""
    return f"{value:%A}, {value.day} {value:%B %Y}"


def moment(value: datetime) -> str:
    """4 March 2025, 06:00 UTC."""
    utc = value.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def _place(name: str, error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return name if line is None else f"{getattr(error, 'name', None) or name}, line {line}"
