"""What the palette offers to whom, and where a search in the top bar leads."""

import re
from urllib.parse import quote

import pytest

from console.web.assets import STATIC
from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import JOBS
from slowmatch.jobs.schedules import store
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser

COPY = """
    INSERT INTO job_run
    SELECT (jsonb_populate_record(run, jsonb_build_object('id', :copy::text))).*
    FROM job_run AS run
"""
SIDEBAR = re.compile(r'<nav class="sidebar".*?</nav>', re.DOTALL)


def offered(browser: FakeBrowser, kind: str) -> dict[str, str]:
    """The palette's options of a kind, with where they lead."""
    options = re.findall(
        r'data-href="([^"]+)"[^>]*><span>([^<]+)</span>.*?<span class="kind">(\w+)</span>',
        browser.get("/records").text,
    )
    return {label: href for href, label, found in options if found == kind}


def test_every_page_of_the_sidebar_is_in_the_palette(browser: FakeBrowser) -> None:
    (sidebar,) = SIDEBAR.findall(browser.get("/dashboard").text)
    assert set(re.findall('href="([^"]+)"', sidebar)) <= set(offered(browser, "Page").values())


def test_no_two_pages_have_the_same_key(browser: FakeBrowser) -> None:
    keys = re.findall('data-key="(.)"', browser.get("/records").text)
    assert keys and len(keys) == len(set(keys))


@pytest.mark.parametrize("role", Role)
def test_the_palette_offers_the_jobs_and_what_the_role_may_do(browser: FakeBrowser, role: Role) -> None:
    browser.sign_in(role)
    may_run = {name for name, job in JOBS.items() if role >= Role[job.role.upper()]}
    actions = offered(browser, "Action")
    assert set(offered(browser, "Job")) == set(JOBS)
    assert {label for label in actions if label.startswith("Run ")} == {f"Run {name}…" for name in may_run}
    assert ({"New record…", "New schedule…"} <= set(actions)) == (role >= Role.OPERATOR)


@pytest.mark.parametrize("length", [8, 13, 36])
def test_a_search_for_the_only_run_with_this_beginning_opens_it(
    browser: FakeBrowser, con: Connection, length: int
) -> None:
    run_id = run_factory.make_run(con, "failed")
    assert browser.get(f"/search?text={run_id[:length].upper()}").location == f"/runs/{run_id}"


def test_a_search_for_several_runs_lists_them(browser: FakeBrowser, con: Connection) -> None:
    run_id = run_factory.make_run(con, "failed")
    con.execute(COPY, copy=f"{run_id[:30]}aaaaaa")
    assert browser.get(f"/search?text={run_id[:8]}").location == f"/dashboard/runs?text={run_id[:8]}"


def test_a_search_for_the_name_of_a_schedule_opens_it(browser: FakeBrowser, con: Connection) -> None:
    store.put(con, "nightly", job="db-cleanup", expression="cron(0 7 * * ? *)")
    assert browser.get("/search?text=nightly").location == "/dashboard/schedules/nightly"


@pytest.mark.parametrize(
    "text", ["MailError", "1234567", "'; --", "<b>", "//example.com", "\\", "\0", "é 😀", ""]
)
def test_any_other_search_leads_to_the_list_of_runs(browser: FakeBrowser, text: str) -> None:
    location = browser.get(f"/search?text={quote(text)}").location
    assert location.startswith("/dashboard/runs") and browser.get(location).status == 200


def test_every_style_sheet_follows_the_chosen_theme() -> None:
    """A media query would follow the system only."""
    sheets = sorted((STATIC / "css").glob("*.css"))
    assert [
        sheet.name for sheet in sheets if "prefers-color-scheme" in sheet.read_text(encoding="utf-8")
    ] == []
