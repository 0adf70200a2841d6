"""Two people edit one record: the second one sees both versions and decides."""

import re

import pytest

from slowmatch.db import Connection
from slowmatch.records import queries
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.record_pages import find_record, form_values, make_record, visible_text

THEIRS = "2050-01-01T00:00:00Z"


@pytest.fixture
def record_id(con: Connection) -> int:
    return make_record(con, "Passport")


def edited_at_once(browser: FakeBrowser, con: Connection, record_id: int, **mine: str) -> Page:
    """Robin renames the record to Theirs while my form is open; then I submit it with `mine`."""
    form = form_values(browser.get(f"/records/{record_id}"))
    queries.update(con, record_id, con.now(), title="Theirs", actor="robin")
    return browser.post(f"/records/{record_id}", form | mine)


def hidden_fields(page: Page) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


def test_the_second_editor_sees_both_versions_and_saves_nothing(
    browser: FakeBrowser, con: Connection, record_id: int
) -> None:
    page = edited_at_once(browser, con, record_id, title="<Mine>")
    assert page.status == 409
    assert "A change by robin was saved" in visible_text(page)
    assert re.findall(r'<bdi class="record-title">(.*?)</bdi>', page.text) == ["Theirs", "&lt;Mine&gt;"]
    assert find_record(con, record_id)["title"] == "Theirs"
    assert 'id="live"' not in page.text  # a refresh would take away what was typed


def test_saving_mine_anyway_replaces_only_what_i_changed(
    browser: FakeBrowser, con: Connection, record_id: int
) -> None:
    page = edited_at_once(browser, con, record_id, expiry_date="2051-01-01T00:00")
    assert "you did not change it" in page.text
    answer = browser.post(f"/records/{record_id}", hidden_fields(page))
    assert (answer.status, answer.location) == (303, f"/records/{record_id}")
    saved = find_record(con, record_id)
    assert (saved["title"], saved["expiry_date"]) == ("Theirs", "2051-01-01T00:00:00Z")


def test_a_third_change_is_asked_about_again(browser: FakeBrowser, con: Connection, record_id: int) -> None:
    page = edited_at_once(browser, con, record_id, title="Mine")
    queries.update(con, record_id, con.now(), title="A third", actor="ada")
    again = browser.post(f"/records/{record_id}", hidden_fields(page))
    assert again.status == 409
    assert (
        "A change by ada was saved" in visible_text(again)
        and "A third" in again.text
        and "Mine" in again.text
    )


def test_a_change_back_to_what_i_read_is_no_conflict(
    browser: FakeBrowser, con: Connection, record_id: int
) -> None:
    form = form_values(browser.get(f"/records/{record_id}"))
    for title in ("Theirs", "Passport"):
        queries.update(con, record_id, con.now(), title=title, actor="robin")
    assert browser.post(f"/records/{record_id}", form | {"title": "Mine"}).status == 303
    assert find_record(con, record_id)["title"] == "Mine"


def test_a_change_between_reading_and_saving_is_a_conflict(
    browser: FakeBrowser, con: Connection, record_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = form_values(browser.get(f"/records/{record_id}"))
    update = queries.update

    def slower(*args: object, **values: object) -> object:
        monkeypatch.setattr(queries, "update", update)
        update(con, record_id, con.now(), title="Theirs", actor="robin")
        return update(*args, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(queries, "update", slower)
    assert browser.post(f"/records/{record_id}", form | {"title": "Mine"}).status == 409
    assert find_record(con, record_id)["title"] == "Theirs"
