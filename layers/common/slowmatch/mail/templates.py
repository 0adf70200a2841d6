"""Renders mails from Jinja templates: a subject, a page and a plain text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowmatch.mail.errors import Refused
from slowmatch.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment

LAYOUT = Path(__file__).parent / "templates"
_ERRORS_OF_EXPRESSIONS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    html: str
    text: str


def common_values(settings: Settings) -> dict[str, str | None]:
    """What every template can use; `console` and `contact` may be None."""
    return {
        "stack": settings.stack_name,
        "console": settings.console_url,
        "contact": settings.mail_contact,
    }


def render(name: str, values: Mapping[str, Any], *folders: Path) -> Rendered:
    """Fill subject.txt, `name`.html and `name`.txt, each from the first of the folders that has it.

    Raises Refused, which names the template that is broken.
    """
    from jinja2 import TemplateError

    environment = _environment(*folders, LAYOUT)

    def fill(file: str) -> str:
        try:
            return environment.get_template(file).render(values)
        except (TemplateError, *_ERRORS_OF_EXPRESSIONS, OSError) as error:
            line = getattr(error, "lineno", None)
            place = file if line is None else f"{getattr(error, 'name', None) or file}, line {line}"
            raise Refused(f"{place}: {error}. Check the templates in MAIL_TEMPLATES_DIR") from error

    subject = fill("subject.txt").strip()
    if not subject or len(subject.splitlines()) > 1:
        raise Refused(
            f"subject.txt renders as {subject!r}, but must be a single line. Check the templates in MAIL_TEMPLATES_DIR"
        )
    return Rendered(subject, fill(f"{name}.html"), fill(f"{name}.txt"))


def _environment(*folders: Path) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(number="{:,}".format, day=long_date, short_day=short_date, moment=moment)
    return environment


def long_date(value: date) -> str:
    """Tuesday, 4 March 2025."""
    return f"{value:%A}, {value.day} {value:%B %Y}"


def short_date(value: date) -> str:
    """Tue 4 Mar."""
    return f"{value:%a} {value.day} {value:%b}"


def moment(value: datetime) -> str:
    """4 March 2025, 06:00 UTC."""
    utc = value.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"
