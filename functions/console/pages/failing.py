"""The page of what fails: retry, delete or acknowledge all runs of one failure, mute a job's notifications."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from console.web import authorization, render
from console.web.flash import FlashMessage
from console.web.formatting import number, plural_runs
from console.web.request import current_request, page_of_button, router
from slowmatch.db import Connection, connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.jobs.catalog import job as job_named
from slowmatch.jobs.lifecycle import acknowledgement, actions, mute
from slowmatch.jobs.queries import failing
from slowmatch.jobs.queries.failure_groups import MAX_RUNS, FailureGroup
from slowmatch.text import clean_line

PAGE = "/dashboard/failing"
NOTE_MAX = 500
MAX_GROUPS = 20
"""How many failures of a job the page shows."""
MUTES = {"1 hour": timedelta(hours=1), "8 hours": timedelta(hours=8)}
MORNING_HOUR = 8
"""When "until tomorrow" ends, in UTC."""


@router.get("/dashboard/failing")
def failing_page() -> render.Page:
    con = connection()
    jobs, kept = failing.failing_jobs(con, con.now()), _kept(current_request().address)
    shown = [(job, [group for group in job.groups if group in job.open or group.id in kept]) for job in jobs]
    return render.dashboard_page(
        "failing.html",
        con,
        jobs=jobs,
        # A job whose last failure is acknowledged keeps its place, too.
        shown=sorted(
            ((job, groups) for job, groups in shown if groups), key=lambda each: each[0].works_again
        ),
        kept=kept,
        max_runs=MAX_RUNS,
        max_groups=MAX_GROUPS,
        window_days=failing.WINDOW.days,
        **_about_groups(con),
    )


@router.post("/dashboard/failing/<group>/retry")
@allow(Role.OPERATOR)
def retry_all(group: str) -> render.Page:
    """Retry the runs that failed, and bring forward those that wait for a retry."""
    con, who = connection(), current_request().identity.name
    found = _group(con, group)
    authorization.require_role(job_role(found.job))
    failed, waiting = failing.runs_of(con, found, con.now())
    done = len(actions.change(con, "requeue", actor=who, ids=failed[: actions.BULK]).ids)
    room = actions.BULK - len(failed[: actions.BULK])
    done += len(actions.change(con, "run-now", actor=who, ids=waiting[:room]).ids)
    return _back(found, done, "queued for a retry", len(failed + waiting))


@router.post("/dashboard/failing/<group>/delete")
@allow(Role.ADMIN)
def delete_all(group: str) -> render.Page:
    con, who = connection(), current_request().identity.name
    found = _group(con, group)
    failed, waiting = failing.runs_of(con, found, con.now())
    done = len(actions.change(con, "delete", actor=who, ids=(failed + waiting)[: actions.BULK]).ids)
    return _back(found, done, "deleted", len(failed + waiting))


@router.post("/dashboard/failing/<group>/acknowledge")
@allow(Role.OPERATOR)
def acknowledge(group: str) -> render.Page:
    con, who = connection(), current_request().identity.name
    found = _group(con, group)
    failure = (found.job, found.error_type, found.message)
    acknowledgement.acknowledge(con, failure, actor=who, note=_note(), now=con.now())
    text = f"Acknowledged: {found.error_type} in {found.job}. It is listed below until it happens again."
    return _in_place(con, group) or render.redirect(PAGE, flash_message=text)


@router.post("/dashboard/failing/<group>/undo")
@allow(Role.OPERATOR)
def undo_acknowledgement(group: str) -> render.Page:
    con, who = connection(), current_request().identity.name
    found = _group(con, group)
    acknowledgement.undo(con, (found.job, found.error_type, found.message), actor=who, now=con.now())
    text = f"{found.error_type} in {found.job} is no longer acknowledged."
    return _in_place(con, group) or render.redirect(PAGE, flash_message=text)


@router.post("/jobs/<job>/mute")
@allow(Role.OPERATOR)
def mute_job(job: str) -> render.Page:
    con, who, name = connection(), current_request().identity.name, job_named(job).name
    now, wanted = con.now(), current_request().value("for")
    until = now + MUTES[wanted] if wanted in MUTES else _next_morning(now)
    mute.mute(con, name, mute.Mute(until, who, _note()), now)
    text = f"Notifications about failures of {name} are muted until {until:%-d %b %Y, %H:%M} UTC."
    return render.redirect(page_of_button(name), flash_message=text)


@router.post("/jobs/<job>/unmute")
@allow(Role.OPERATOR)
def unmute_job(job: str) -> render.Page:
    con, who, name = connection(), current_request().identity.name, job_named(job).name
    mute.unmute(con, name, who, con.now())
    text = f"Notifications about failures of {name} are no longer muted."
    return render.redirect(page_of_button(name), flash_message=text)


def _about_groups(con: Connection) -> dict[str, Any]:
    """What a failure is shown with."""
    now = con.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    return {
        "trends": failing.trends(con, now),
        "hours": [hour - timedelta(hours=ago) for ago in reversed(range(failing.TREND_HOURS))],
        "max_at_once": actions.BULK,
    }


def _kept(page: str) -> list[str]:
    """The failures that stay in their place on the page at this address although they were acknowledged."""
    return parse_qs(urlsplit(page).query).get("kept", [])


def _in_place(con: Connection, group: str) -> render.Page | None:
    """The failure as it is now, for the page that is open; None for a whole page. Its address keeps it there."""
    request = current_request()
    if not request.header("hx-request") or request.header("hx-boosted"):
        return None
    page = render.page("failure_in_place.html", group=_group(con, group), **_about_groups(con))
    kept = dict.fromkeys([*_kept(request.header("hx-current-url")), group])
    page.headers["HX-Replace-Url"] = f"{PAGE}?{urlencode([('kept', each) for each in kept][-MAX_GROUPS:])}"
    return page


def _group(con: Connection, wanted: str) -> FailureGroup:
    """Raises Problem 404 for a failure that is over."""
    found = failing.find_group(con, con.now(), wanted)
    if found is None:
        reason = "this failure is no longer there: its runs were retried or deleted, or succeeded; nothing was done"
        raise Problem(404, "No such failure", reason)
    return found


def _back(group: FailureGroup, done: int, what: str, found: int) -> render.Page:
    """Back to the page, which says what was done to how many of the runs, with a link to the runs of the job."""
    text = f"{plural_runs(number(done))} of {group.job} {'was' if done == 1 else 'were'} {what}."
    if found > actions.BULK:
        text += f" {number(found - actions.BULK)} or more are left."
    message = FlashMessage(text, f"/dashboard/runs?job={group.job}", "See its runs")
    return render.redirect(PAGE, flash_message=message)


def _note() -> str | None:
    return clean_line(current_request().value("note"), NOTE_MAX) or None


def _next_morning(now: datetime) -> datetime:
    return now.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0) + timedelta(days=1)
