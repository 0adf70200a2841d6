"""The page of one run, and what can be done to it there."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import Context, Permanent, enqueue
from slowmatch.jobs.lifecycle import actions
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.run_factory import make_run
from tests.integration.jobs.conftest import Work

UNKNOWN = "01900000-0000-7000-8000-000000000000"


def visible_text(page: Page, start: str = "<main", end: str = "</main>") -> str:
    """The page as people read it, from `start` to `end`."""
    text = page.text[page.text.index(start) :]
    plain = re.sub(r"<[^>]+>", " ", text[: text.index(end)])
    return unescape(re.sub(r"\s+", " ", plain)).strip()


def buttons(page: Page, run_id: str) -> list[str]:
    """The actions that the page offers for the run."""
    return re.findall(rf'action="/runs/{run_id}/([\w-]+)"', page.text)


def look(browser: FakeBrowser, work: Work) -> Page:
    return browser.get(f"/runs/{work.run().id}")


def failing(message: str, kind: type[Exception] = RuntimeError) -> Any:
    def handler(context: Context) -> None:
        raise kind(message)

    return handler


def test_a_run_shows_payload_result_log_attempt_and_history(browser: FakeBrowser, work: Work) -> None:
    def handler(context: Context) -> dict[str, int]:
        context.logger.info("three records")
        return {"expired": 3}

    work.handler = handler
    made = enqueue(work.con, "record-expiry", {"batch_size": 7}, trigger="console", actor="kim@example.com")
    work.deliver({"run_id": made.run_id, "attempt": 1})
    page = look(browser, work)
    assert page.status == 200
    said = visible_text(page)
    for part in ("record-expiry succeeded", '"batch_size": 7', '"expired": 3', "INFO three records"):
        assert part in said
    assert "Started by console kim@example.com" in said
    assert "Attempt 1 of 11" in said
    history = visible_text(page, '<ol class="history">', "</ol>")
    assert re.search(
        r"^succeeded .* \+\S+ m?s the handler returned .* processing .* \+\S+ m?s attempt 1 .*"
        r" enqueued .* created by console · kim@example.com$",
        history,
    )


def test_a_failed_run_shows_the_traceback_of_its_last_failure_first(browser: FakeBrowser, work: Work) -> None:
    work.handler = failing("no disk")
    work.start_occurrence()
    run = work.run()
    work.make_due(run.id)
    work.handler = failing("still no disk", Permanent)
    work.deliver({"run_id": run.id, "attempt": 2})
    page = look(browser, work)
    error = visible_text(page, '<section class="run-error"', "</section>")
    assert error.startswith("Permanent : still no disk")
    assert "in handler raise kind(message)" in error and "Runs with the same error" in error
    assert page.text.index('id="error"') < page.text.index('id="timeline-title"')
    assert re.findall(r'<details id="error-(\d+)"( open)?>', page.text) == [("1", "")]


def test_an_error_without_a_traceback_is_shown_whole(browser: FakeBrowser, con: Connection) -> None:
    message = "no disk " * 100
    fields = {"error_message": message, "traceback": None}
    page = browser.get(f"/runs/{make_run(con, 'failed', attempt_fields=fields)}")
    error = visible_text(page, '<section class="run-error"', "</section>")
    assert message.strip() in error and 'id="traceback"' not in page.text
    assert 'aria-label="Copy the error"' in page.text


def test_a_worker_that_is_over_its_time_is_pointed_out(browser: FakeBrowser, work: Work) -> None:
    work.be_killed()
    assert "has probably died" not in look(browser, work).text
    work.end_lease(work.run().id)
    assert "has probably died" in look(browser, work).text


@pytest.mark.parametrize(
    ("state", "role", "offered"),
    [
        ("scheduled", Role.ADMIN, ["run-now", "delete"]),
        ("enqueued", Role.OPERATOR, []),
        ("processing", Role.ADMIN, ["stop"]),
        ("processing", Role.OPERATOR, []),
        ("failed", Role.OPERATOR, ["requeue"]),
        ("deleted", Role.VIEWER, []),
    ],
)
def test_the_buttons_fit_the_state_and_the_role(
    browser: FakeBrowser, work: Work, state: str, role: Role, offered: list[str]
) -> None:
    run_id = in_state(work, state)
    browser.sign_in(role)
    assert buttons(browser.get(f"/runs/{run_id}"), run_id) == offered


def in_state(work: Work, state: str) -> str:
    """The id of a run that came to `state`."""
    if state == "processing":
        work.be_killed()
    elif state in ("succeeded", "failed"):
        work.handler = failing("no", Permanent) if state == "failed" else lambda context: None
        work.start_occurrence()
    else:
        due = work.con.now() + timedelta(days=1) if state == "scheduled" else None
        enqueue(work.con, "record-expiry", due_at=due)
    run_id: str = work.run().id
    if state == "deleted":
        actions.change(work.con, "delete", actor="test", ids=[run_id])
    assert work.run().state == state
    return run_id


@pytest.mark.parametrize(
    ("state", "action", "role", "becomes"),
    [
        ("failed", "requeue", Role.OPERATOR, "enqueued"),
        ("scheduled", "run-now", Role.OPERATOR, "enqueued"),
        ("enqueued", "delete", Role.ADMIN, "deleted"),
        ("processing", "stop", Role.ADMIN, "deleted"),
    ],
)
def test_an_action_is_done_and_noted_with_the_person(
    browser: FakeBrowser, work: Work, state: str, action: str, role: Role, becomes: str
) -> None:
    run_id = in_state(work, state)
    browser.sign_in(role, "kim@example.com")
    answer = browser.post(f"/runs/{run_id}/{action}")
    assert (answer.status, answer.location) == (303, f"/runs/{run_id}")
    assert 'class="flash"' in browser.get(answer.location).text
    noted = "delete" if action == "stop" else action
    assert work.events(run_id)[-1] == [state, becomes, noted, "kim@example.com"]


def test_a_wrong_or_unknown_run_is_not_found(browser: FakeBrowser) -> None:
    for run_id in ("nonsense", UNKNOWN, "%3Cscript%3E"):
        for page in (browser.get(f"/runs/{run_id}"), browser.post(f"/runs/{run_id}/requeue")):
            assert (page.status, 'href="/dashboard"' in page.text) == (404, True)
            assert "<script>" not in page.text


def test_an_unknown_action_is_not_found(browser: FakeBrowser, work: Work) -> None:
    page = browser.post(f"/runs/{in_state(work, 'failed')}/explode")
    assert (page.status, "requeue, run-now, stop, delete" in page.text) == (404, True)


def test_a_long_log_shows_its_end_and_leads_to_the_rest(browser: FakeBrowser, work: Work) -> None:
    def handler(context: Context) -> None:
        for number in range(230):
            context.logger.info("line <%s>", number)

    work.handler = handler
    work.start_occurrence()
    run_id = work.run().id
    page, whole = browser.get(f"/runs/{run_id}"), browser.get(f"/runs/{run_id}?log=all")
    more = re.search(rf'<a href="/runs/{run_id}\?log=all">(\d+) earlier lines</a>', page.text)
    assert more is not None
    assert page.text.count('id="line-') == 200
    assert page.text.count('id="line-') + int(more[1]) == whole.text.count('id="line-')
    assert "line &lt;229&gt;" in page.text
    assert "line &lt;0&gt;" in whole.text
    assert "earlier lines" not in whole.text


def test_the_whole_log_is_cut_at_a_thousand_lines(browser: FakeBrowser, work: Work) -> None:
    work.start_occurrence()
    work.con.query(
        """
        INSERT INTO job_log (run_id, attempt, at, level, message)
        SELECT id, 1, created_at, 'INFO', 'line ' || number FROM job_run, generate_series(1, 1230) AS number
        """
    )
    page = browser.get(f"/runs/{work.run().id}?log=all")
    assert page.text.count('id="line-') == 1000
    assert "230 earlier lines" in page.text


def test_actions_answered_before_either_page_are_both_told(browser: FakeBrowser, con: Connection) -> None:
    ids = [run_factory.make_run(con, "failed") for _ in range(2)]
    for run_id in ids:
        browser.post(f"/runs/{run_id}/requeue", {"back": "/dashboard/failed"})
    in_a_row = browser.post(f"/runs/{ids[0]}/delete", {"back": "/dashboard/failed"}, hx_request="true")
    page = browser.get("/dashboard/failed")
    assert 'class="flash"' not in in_a_row.text
    assert [page.text.count(f'href="/runs/{run_id}">Open the run') for run_id in ids] == [1, 1]
    assert 'class="flash"' not in browser.get("/dashboard/failed").text
