"""A page that has not changed is a 304; a page of somebody else, or of the back button, is asked for again."""

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import enqueue
from slowmatch.jobs.lifecycle import actions
from slowmatch.records import queries
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import make_record


@pytest.mark.usefixtures("half_past")
def test_a_poll_gets_a_page_only_after_a_change(browser: FakeBrowser, con: Connection) -> None:
    record_id, run_id = make_record(con), enqueue(con, "db-cleanup").run_id
    addresses = ["/records", f"/records/{record_id}", "/jobs", "/jobs/db-cleanup", f"/runs/{run_id}"]
    tags = {address: browser.get(address).headers["ETag"] for address in addresses}
    for address, tag in tags.items():
        again = browser.get(address, if_none_match=tag)
        assert (again.status, again.text, again.headers["Cache-Control"]) == (304, "", "no-store")
    queries.update(con, record_id, con.now(), title="Renamed", actor="robin")
    actions.change(con, "delete", actor="robin", ids=[str(run_id)])
    assert [browser.get(address, if_none_match=tag).status for address, tag in tags.items()] == [200] * 5


def test_an_administrator_s_page_is_not_unchanged_for_a_viewer(browser: FakeBrowser) -> None:
    page = browser.get("/records")
    browser.sign_in(Role.VIEWER)
    assert page.headers["Cache-Control"] == "no-store"
    assert browser.get("/records", if_none_match=page.headers["ETag"]).status == 200
