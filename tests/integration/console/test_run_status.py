"""What the page of a run says about its state: one sentence, true at each moment, and what happens next."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Continue, enqueue
from slowmatch.jobs.lifecycle import actions, disabled_jobs, pause
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser
from tests.integration.jobs.conftest import Work
from tests.support.handlers import fail, refuse


def said(browser: FakeBrowser, run_id: str) -> str:
    """The banner of the run's page, with [since] for times that count up and [when] for others."""
    text = browser.get(f"/runs/{run_id}").text
    banner = text[text.index('<div class="strip') :]
    banner = banner[: banner.index("</div>")]
    banner = re.sub(r"<span [^>]*data-since=.*?</span>", "[since]", banner)
    banner = re.sub(r"<time .*?</time>", "[when]", banner)
    return re.sub(r"\s+", " ", re.sub(r"</?[a-z][^>]*>", "", unescape(banner))).strip()


def stop(con: Connection, run_id: str) -> None:
    actions.change(con, "delete", ids=[run_id], actor="ann")


def test_a_run_that_waits_starts_as_soon_as_a_worker_is_free(
    browser: FakeBrowser, con: Connection, work: Work
) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    assert said(browser, run_id) == "It has been waiting for [since]. It starts as soon as a worker is free."


def test_a_run_behind_another_names_it(browser: FakeBrowser, work: Work, con: Connection) -> None:
    work.be_killed()
    ahead = work.run().id
    run_id = enqueue(con, "record-expiry").run_id
    assert f"Queued behind run {ahead[:8]}…{ahead[-4:]}" in said(browser, run_id)
    assert "because this job processes one run at a time." in said(browser, run_id)


def test_a_paused_schedule_does_not_hold_back_a_run(
    browser: FakeBrowser, con: Connection, work: Work
) -> None:
    pause.pause(con, "record-expiry", "ann", "moving house", now=con.now())
    run_id = enqueue(con, "record-expiry").run_id
    assert "The schedule of the job is paused, which does not hold back this run." in said(browser, run_id)


def test_a_run_of_a_disabled_job_is_held_back(browser: FakeBrowser, con: Connection, work: Work) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    disabled_jobs.note_config_error(con, "record-expiry", "the setting is missing")
    assert "held back, because its job is disabled: The setting is missing." in said(browser, run_id)


@pytest.mark.parametrize(
    ("state", "words"), [("enqueued", "held back"), ("scheduled", "it will not start unless")]
)
def test_a_run_of_a_removed_job_is_held_back(
    browser: FakeBrowser, con: Connection, state: str, words: str
) -> None:
    run_id = run_factory.make_run(con, state, job="gone")
    assert words in said(browser, run_id) and "no job named gone any more" in said(browser, run_id)
    assert "Run again" not in browser.get(f"/runs/{run_id}").text


def test_a_run_that_is_put_off_says_until_when(browser: FakeBrowser, con: Connection, work: Work) -> None:
    run_id = enqueue(con, "record-expiry", due_at=con.now() + timedelta(hours=1)).run_id
    assert said(browser, run_id) == "It is due [when], [when]."


def test_a_retry_says_which_one_and_when(browser: FakeBrowser, work: Work) -> None:
    work.handler = fail
    work.start_occurrence()
    run_id = work.run().id
    assert said(browser, run_id) == "Retry 1 of 10 is due [when]."
    work.make_due(run_id)
    assert said(browser, run_id) == ("Retry 1 of 10 was due [when]. It starts as soon as a worker is free.")
    assert 'data-yes="Delete"' in browser.get(f"/runs/{run_id}").text
    assert "Retry now" in browser.get(f"/runs/{run_id}").text


def test_a_run_that_continues_says_so(browser: FakeBrowser, work: Work) -> None:
    work.handler = lambda context: Continue({})
    work.start_occurrence()
    assert said(browser, work.run().id) == (
        "Attempt 1 handed its work over to the next invocation [when]. It starts as soon as a worker is free."
    )


def test_a_run_that_is_processed_counts_up(browser: FakeBrowser, work: Work) -> None:
    work.be_killed()
    page = browser.get(f"/runs/{work.run().id}")
    assert said(browser, work.run().id).startswith("Attempt 1 has been running for [since], on ")
    assert re.search(r'<dt>Running for</dt><dd><span [^>]*data-since="[^"]+">\d+ s</span>', page.text)
    listed = browser.get("/dashboard/processing").text
    assert re.search(r'<td class="c-took[^>]*><span [^>]*data-since="[^"]+">\d+ s</span>', listed)


@pytest.mark.parametrize(
    ("attempts", "words"),
    [(11, "it will then be retried"), (1, "this was its last attempt, so it will then")],
)
def test_an_expired_lease_says_what_follows(
    browser: FakeBrowser, work: Work, con: Connection, attempts: int, words: str
) -> None:
    work.be_killed()
    work.end_lease(work.run().id)
    con.query("UPDATE job_run SET max_attempts = :attempts::integer", attempts=attempts)
    text = browser.get(f"/runs/{work.run().id}").text
    assert "the worker has probably died" in text and words in text


def test_a_success_after_failures_counts_them(browser: FakeBrowser, work: Work) -> None:
    work.handler = fail
    work.start_occurrence()
    run = work.run()
    work.make_due(run.id)
    work.handler = lambda context: None
    work.deliver({"run_id": run.id, "attempt": 2})
    assert said(browser, run.id) == "Succeeded [when], after 1 failed attempt."


def test_what_went_wrong_before_is_folded_while_the_run_goes_on(browser: FakeBrowser, work: Work) -> None:
    work.handler = fail
    work.start_occurrence()
    run_id = work.run().id
    folded = '<details id="last-failure"><summary>Last failure:'
    assert folded not in browser.get(f"/runs/{run_id}").text
    actions.change(work.con, "run-now", ids=[run_id], actor="ann")
    assert folded in browser.get(f"/runs/{run_id}").text


def test_a_permanent_failure_says_that_no_retry_follows(browser: FakeBrowser, work: Work) -> None:
    work.handler = refuse
    work.start_occurrence()
    assert said(browser, work.run().id) == (
        "Failed for good [when]: no further retry. The error is permanent, so a retry would not help."
    )


def test_a_run_without_attempts_left_says_that_all_failed(browser: FakeBrowser, con: Connection) -> None:
    run_id = run_factory.make_run(con, "failed", retries=10)
    assert said(browser, run_id).endswith("no further retry. All 11 attempts failed.")


def test_a_run_deleted_while_it_waited_did_not_start(
    browser: FakeBrowser, con: Connection, work: Work
) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    stop(con, run_id)
    assert said(browser, run_id) == "Deleted by ann [when] while it waited; it did not start."


def test_a_run_deleted_after_it_failed_says_so(browser: FakeBrowser, work: Work, con: Connection) -> None:
    work.handler = refuse
    work.start_occurrence()
    stop(con, work.run().id)
    assert said(browser, work.run().id) == "Deleted by ann [when], after it had failed."


def test_a_skipped_occurrence_gives_the_reason(browser: FakeBrowser, work: Work, con: Connection) -> None:
    pause.pause(con, "record-expiry", "ann", "moving house", now=con.now())
    work.start_occurrence()
    assert said(browser, work.run().id) == "Skipped: paused by ann: moving house. It did not start."


def test_a_stopped_run_is_stopped_in_every_place(browser: FakeBrowser, work: Work, con: Connection) -> None:
    work.be_killed()
    run_id = work.run().id
    answer = browser.post(f"/runs/{run_id}/stop")
    page = browser.get(answer.location)
    assert "was stopped. Its handler stops at its next checkpoint." in page.text
    badge = '<span class="state deleted">stopped</span>'
    assert page.text.count(badge) == 2, "in the heading and the history"
    assert '<span class="state cancelled">stopped</span>' in page.text, "at the attempt"
    assert "<dt>Attempt</dt><dd>1 of 11</dd>" in page.text
    assert said(browser, run_id) == (
        "Stopped by you (this machine) [when]."
        " Its handler stops at its next checkpoint; what it has done by then is not undone."
    )
    for address in ("/dashboard/runs", "/dashboard/schedules"):
        assert badge in browser.get(address).text, address
    assert ">stopped</td>" in browser.get("/dashboard/activity").text


def test_a_stopped_run_says_when_its_handler_noticed(
    browser: FakeBrowser, work: Work, con: Connection
) -> None:
    def slow(context: Any) -> None:
        stop(con, context.run_id)
        context.checkpoint()

    work.handler = slow
    work.start_occurrence()
    assert said(browser, work.run().id) == (
        "Stopped by ann [when]. Its handler noticed the stop at a checkpoint and ended [when]."
        " What it had done by then is not undone."
    )


def test_a_stopped_run_says_that_its_handler_worked_to_its_end(
    browser: FakeBrowser, work: Work, con: Connection
) -> None:
    work.handler = lambda context: stop(con, context.run_id)
    work.start_occurrence()
    assert "reached no checkpoint and ran to its end, [when]. Its result was dropped" in said(
        browser, work.run().id
    )


def test_a_handler_that_never_said_so_has_ended_after_a_while(
    browser: FakeBrowser, work: Work, con: Connection
) -> None:
    work.be_killed()
    stop(con, work.run().id)
    con.query("UPDATE job_attempt SET started_at = started_at - interval '16 minutes'")
    assert "Its handler must have ended by now" in said(browser, work.run().id)


def test_a_button_for_a_waiting_run_does_not_stop_one_that_started(browser: FakeBrowser, work: Work) -> None:
    work.be_killed()
    run_id = work.run().id
    page = browser.get(browser.post(f"/runs/{run_id}/delete").location)
    assert "Nothing was done to the run: it is now being processed." in page.text
    assert work.run().state == "processing"


def test_a_stop_that_comes_too_late_says_what_happened(browser: FakeBrowser, work: Work) -> None:
    work.start_occurrence()
    page = browser.get(browser.post(f"/runs/{work.run().id}/stop").location)
    assert "Nothing was done to the run: it has succeeded in the meantime." in page.text
