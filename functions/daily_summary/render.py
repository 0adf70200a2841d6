"""Renders the summary as a mail. Templates in the operator's folder override those beside this file."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from slowmatch.mail import templates
from slowmatch.mail.errors import Refused
from slowmatch.mail.templates import Rendered
from slowmatch.records.statistics import DayCount, Summary
from slowmatch.settings import Settings

BUILT_IN_TEMPLATES = Path(__file__).parent / "templates"


def render(
    counts: Summary, days: Sequence[DayCount], day: date, end: datetime, settings: Settings
) -> Rendered:
    """Fill subject.txt, summary.html and summary.txt with the counts of the UTC day, up to `end`.

    Raises Refused, which names the template that is broken.
    """
    folder = settings.mail_templates_dir
    if folder is not None and not Path(folder).is_dir():
        raise Refused(
            f"MAIL_TEMPLATES_DIR is {folder!r}, but there is no such folder: correct it or create the folder"
        )
    values = {
        "day": day,
        "window_start": end - timedelta(hours=24),
        "window_end": end,
        "days": days,
        **counts._asdict(),
        **templates.common_values(settings),
    }
    folders = [BUILT_IN_TEMPLATES] if folder is None else [Path(folder), BUILT_IN_TEMPLATES]
    return templates.render("summary", values, *folders)
