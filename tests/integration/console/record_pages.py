"""Makes records, and reads the pages about them."""

import json
import re
from datetime import timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.records import expiry, queries
from tests.integration.console.conftest import Page

GOOD = {"title": "Passport", "expiry_date": "2099-12-31T12:00", "expiry_date_offset": "+01:00"}


def make_record(con: Connection, title: str = "Passport", **due: float) -> int:
    """Make a record that expires in `due` from now."""
    expiry_date = con.now() + timedelta(**(due or {"days": 30}))
    return queries.create(con, title, expiry_date, "robin")[0]


def expire_records(con: Connection) -> None:
    """Mark the records whose expiry date has passed, as the job does."""
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))


def find_record(con: Connection, record_id: int) -> Any:
    return json.loads(found.text) if (found := queries.get(con, record_id)) else None


def titles(page: Page) -> list[str]:
    return re.findall(r'<a href="/records/\d+"><bdi>(.*?)</bdi>', page.text)


def visible_text(page: Page) -> str:
    """The visible text of the page, on one line."""
    main = page.text.partition('<main id="main"')[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def field_message(page: Page, field: str) -> str:
    """The message under a field of the form."""
    (found,) = re.findall(rf'<span id="{field}-help">(.*?)</span>\s*<', page.text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found).strip()


def field_value(page: Page, field: str) -> str:
    (found,) = re.findall(rf'<input[^>]* name="{field}"[^>]*?value="([^"]*)"', page.text)
    return str(found)


def form_values(page: Page) -> dict[str, str]:
    """The form of the page as a browser in UTC submits it."""
    return {
        name: field_value(page, name)
        for name in ("title", "expiry_date", "expiry_date_at", "title_was", "expiry_was")
    }
