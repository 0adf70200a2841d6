"""The page of one run, and what can be done to it there."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import Cancelled, Context, Permanent, enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle import actions
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.jobs.conftest import Queues, Work

NASTY = "<img src=x onerror=alert(1)>"
UNKNOWN = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def work(con: Connection, lambda_context: Any) -> Iterator[Work]:
    sqs.client.cache_clear()
    Queues()
    yield Work(con, lambda_context, JOBS["record-expiry"])
    sqs.client.cache_clear()


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


def test_a_run_that_succeeded_shows_payload_result_log_attempt_and_history(
    browser: FakeBrowser, work: Work
) -> None:
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
        r"^succeeded .* \+\S+ ms the handler returned .* processing .* \+\S+ ms attempt 1 .*"
        r" enqueued .* created by console · kim@example.com$",
        history,
    )


def test_a_failed_run_opens_the_traceback_of_its_last_failure_only(browser: FakeBrowser, work: Work) -> None:
    work.handler = failing("no disk")
    work.start_occurrence()
    run = work.run()
    work.make_due(run.id)
    work.handler = failing("still no disk", Permanent)
    work.deliver({"run_id": run.id, "attempt": 2})
    page = look(browser, work)
    opened = re.findall(r'<details id="error-(\d+)"( open)?>', page.text)
    assert opened == [("2", " open"), ("1", "")]
    assert "Permanent still no disk Runs with the same error" in visible_text(page)
    assert 'href="/dashboard/runs?error_type=Permanent"' in page.text
    assert "in handler raise kind(message)" in visible_text(page)


def test_a_run_that_waits_for_its_retry_says_which_and_when(browser: FakeBrowser, work: Work) -> None:
    work.handler = failing("no disk")
    work.start_occurrence()
    page = look(browser, work)
    assert re.search(r"Retry 1 of 10, due .* UTC after RuntimeError: no disk", visible_text(page))
    assert f'datetime="{work.run().due_at.isoformat()[:19]}' in page.text
    assert buttons(page, work.run().id) == ["run-now", "delete"]


def test_progress_is_shown_while_it_runs(browser: FakeBrowser, work: Work) -> None:
    seen = []

    def handler(context: Context) -> None:
        context.progress(42_000, 100_000)
        context.flush()
        seen.append(look(browser, work))

    work.handler = handler
    work.start_occurrence()
    said = visible_text(seen[0])
    assert '<progress max="100" value="42"' in seen[0].text
    assert "42 % 42,000 of 100,000" in said
    assert "live; the latest lines stay in view" in said
    assert "<progress" not in look(browser, work).text


def test_a_run_deleted_while_processing_says_that_its_handler_stops_at_the_next_checkpoint(
    browser: FakeBrowser, work: Work
) -> None:
    stopped = []

    def handler(context: Context) -> None:
        stopped.append(browser.post(f"/runs/{context.run_id}/delete"))
        with pytest.raises(Cancelled):
            context.checkpoint()
        raise Cancelled

    work.handler = handler
    work.start_occurrence()
    assert stopped[0].status == 303
    page = look(browser, work)
    assert "was deleted. Its handler will stop at the next checkpoint." in visible_text(page)
    assert "Deleted while it was being processed." in visible_text(page)
    assert work.events(work.run().id)[-1] == ["processing", "deleted", "delete", "you (this machine)"]


def test_a_worker_that_is_over_its_time_is_pointed_out(browser: FakeBrowser, work: Work) -> None:
    work.be_killed()
    assert "the worker has probably died" not in visible_text(look(browser, work))
    work.end_lease(work.run().id)
    assert "the worker has probably died" in visible_text(look(browser, work))


@pytest.mark.parametrize(
    ("state", "role", "offered"),
    [
        ("scheduled", Role.ADMIN, ["run-now", "delete"]),
        ("scheduled", Role.OPERATOR, ["run-now"]),
        ("enqueued", Role.ADMIN, ["delete"]),
        ("enqueued", Role.OPERATOR, []),
        ("processing", Role.ADMIN, ["delete"]),
        ("succeeded", Role.OPERATOR, ["requeue"]),
        ("failed", Role.ADMIN, ["requeue", "delete"]),
        ("deleted", Role.OPERATOR, ["requeue"]),
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
        due = work.con.now().replace(year=2999) if state == "scheduled" else None
        enqueue(work.con, "record-expiry", due_at=due)
    run_id: str = work.run().id
    if state == "deleted":
        actions.change(work.con, "delete", actor="test", ids=[run_id])
    assert work.run().state == state
    return run_id


@pytest.mark.parametrize(
    ("state", "action", "role", "becomes", "told"),
    [
        ("failed", "requeue", Role.OPERATOR, "enqueued", "was requeued."),
        ("scheduled", "run-now", Role.OPERATOR, "enqueued", "starts now."),
        ("enqueued", "delete", Role.ADMIN, "deleted", "was deleted."),
        ("failed", "delete", Role.ADMIN, "deleted", "was deleted."),
    ],
)
def test_an_action_is_done_said_and_noted_with_the_person(
    browser: FakeBrowser, work: Work, state: str, action: str, role: Role, becomes: str, told: str
) -> None:
    run_id = in_state(work, state)
    browser.sign_in(role, "kim@example.com")
    answer = browser.post(f"/runs/{run_id}/{action}")
    assert (answer.status, answer.location) == (303, f"/runs/{run_id}")
    page = browser.get(answer.location)
    assert f"of record-expiry {told}" in visible_text(page)
    assert work.run().state == becomes
    assert work.events(run_id)[-1] == [state, becomes, action, "kim@example.com"]


@pytest.mark.parametrize(
    ("state", "action", "said"),
    [
        (
            "succeeded",
            "run-now",
            "Nothing was done: the run is now succeeded, and this action needs a run that is scheduled.",
        ),
        (
            "enqueued",
            "requeue",
            "Nothing was done: the run is now enqueued, and this action needs a run that is succeeded or failed"
            " or deleted.",
        ),
    ],
)
def test_an_action_that_comes_too_late_says_so_and_does_nothing(
    browser: FakeBrowser, work: Work, state: str, action: str, said: str
) -> None:
    run_id = in_state(work, state)
    before = work.events(run_id)
    answer = browser.post(f"/runs/{run_id}/{action}")
    assert said in visible_text(browser.get(answer.location))
    assert work.events(run_id) == before


@pytest.mark.parametrize(
    ("role", "action"), [(Role.VIEWER, "requeue"), (Role.VIEWER, "delete"), (Role.OPERATOR, "delete")]
)
def test_an_action_above_ones_role_is_refused(
    browser: FakeBrowser, work: Work, role: Role, action: str
) -> None:
    run_id = in_state(work, "enqueued" if action == "delete" else "failed")
    before = work.run()
    browser.sign_in(role)
    assert browser.post(f"/runs/{run_id}/{action}").status == 403
    assert work.run() == before


def test_a_wrong_or_unknown_run_is_a_page_that_says_so(browser: FakeBrowser) -> None:
    for address, said in (
        ("/runs/nonsense", "is not a valid run ID"),
        (f"/runs/{UNKNOWN}", f"There is no run {UNKNOWN}"),
        ("/runs/%3Cscript%3E", "is not a valid run ID"),
    ):
        page = browser.get(address)
        assert (page.status, said in visible_text(page)) == (404, True)
        assert "<script>" not in page.text
    assert browser.post(f"/runs/{UNKNOWN}/requeue").status == 404
    assert browser.post("/runs/nonsense/delete").status == 404


def test_an_unknown_action_is_named(browser: FakeBrowser, work: Work) -> None:
    page = browser.post(f"/runs/{in_state(work, 'failed')}/explode")
    assert (page.status, "the actions are requeue, run-now, delete" in visible_text(page)) == (404, True)


def test_markup_in_payload_log_result_error_and_names_stays_text(browser: FakeBrowser, work: Work) -> None:
    def handler(context: Context) -> dict[str, str]:
        context.logger.info("log %s", NASTY)
        return {"result": NASTY}

    address = f"{NASTY.replace(' ', '/')}@example.com"
    payload = {"recipients": [address]}
    made = enqueue(work.con, "daily-summary", payload, trigger="console", actor=f"kim {NASTY}")
    work.spec, work.handler = JOBS["daily-summary"], handler
    work.deliver({"run_id": made.run_id, "attempt": 1})
    page = look(browser, work)
    assert "<img" not in page.text
    for part in (f"log {NASTY}", f'"result": "{NASTY}"', address, f"kim {NASTY}"):
        assert part in unescape(page.text)


def test_markup_in_an_error_stays_text(browser: FakeBrowser, work: Work) -> None:
    work.handler = failing(f"error {NASTY}", Permanent)
    work.start_occurrence()
    page = look(browser, work)
    assert NASTY not in page.text
    assert f"error {NASTY}" in unescape(page.text)


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


def test_the_whole_log_is_a_thousand_lines_and_says_how_many_it_leaves_out(
    browser: FakeBrowser, work: Work
) -> None:
    work.start_occurrence()
    work.con.query(
        """
        INSERT INTO job_log (run_id, attempt, at, level, message)
        SELECT id, 1, created_at, 'INFO', 'line ' || number FROM job_run, generate_series(1, 1230) AS number
        """
    )
    page = browser.get(f"/runs/{work.run().id}?log=all")
    assert page.text.count('id="line-') == 1000
    assert "230 earlier lines are not shown" in page.text


def test_what_has_not_changed_costs_a_304(browser: FakeBrowser, work: Work) -> None:
    run_id = in_state(work, "failed")
    tag = browser.get(f"/runs/{run_id}").headers["ETag"]
    assert browser.get(f"/runs/{run_id}", if_none_match=tag).status == 304
    browser.post(f"/runs/{run_id}/requeue")
    browser.get(f"/runs/{run_id}")
    assert browser.get(f"/runs/{run_id}", if_none_match=tag).status == 200
