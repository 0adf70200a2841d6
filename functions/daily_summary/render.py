"""Renders the summary as a mail. Templates in the operator's folder override those beside this file."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from slowmatch.mail.errors import Refused
from slowmatch.records.statistics import Summary
from slowmatch.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment

BUILT_IN_TEMPLATES = Path(__file__).parent / "templates"
_ERRORS_OF_EXPRESSIONS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    html: str
    text: str


def render(counts: Summary, day: date, end: datetime, config: Settings) -> Rendered:
    """Fill subject.txt, summary.html and summary.txt with the counts of the UTC day, up to `end`.

    `console` is the console's address, None if it is not known. Raises Refused, which names the template that is
    broken.
    """
    from jinja2 import TemplateError

    environment = _environment(config.mail_templates_dir)
    window = {"window_start": end - timedelta(hours=24), "window_end": end}
    values = {"day": day, "console": config.console_url, **window, **counts._asdict()}

    def fill(name: str) -> str:
        try:
            return environment.get_template(name).render(values)
        except (TemplateError, *_ERRORS_OF_EXPRESSIONS, OSError) as error:
            line = getattr(error, "lineno", None)
            place = name if line is None else f"{getattr(error, 'name', None) or name}, line {line}"
            raise Refused(f"{place}: {error}. Check the templates in MAIL_TEMPLATES_DIR") from error

    subject = fill("subject.txt").strip()
    if not subject or len(subject.splitlines()) > 1:
        raise Refused(
            f"subject.txt renders as {subject!r}, but must be a single line. Check the templates in MAIL_TEMPLATES_DIR"
        )
    return Rendered(subject, fill("summary.html"), fill("summary.txt"))


def _environment(templates_dir: str | None) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    if templates_dir is not None and not Path(templates_dir).is_dir():
        raise Refused(
            f"MAIL_TEMPLATES_DIR is {templates_dir!r}, but there is no such folder: correct it or create the folder"
        )
    folders = [BUILT_IN_TEMPLATES] if templates_dir is None else [Path(templates_dir), BUILT_IN_TEMPLATES]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(number="{:,}".format, day=long_date, moment=moment)
    return environment


def long_date(value: date) -> str:
    """Tuesday, 4 March 2025."""
    return f"{value:%A}, {value.day} {value:%B %Y}"


def moment(value: datetime) -> str:
    """4 March 2025, 06:00 UTC."""
    utc = value.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"
