"""Schedules: the rules of the template and those made at run time, together; make, change, pause, copy, delete them."""

from datetime import datetime
from typing import Any

from console.forms import schedule as schedule_form
from console.forms.schedule import ScheduleForm
from console.views import schedules as view
from console.views.run import short_id
from console.web import authorization, render
from console.web.flash import FlashMessage
from console.web.request import address, current_request, router
from slowmatch.db import connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.jobs import PayloadError
from slowmatch.jobs.queries import job_summaries, made_schedules
from slowmatch.jobs.schedules import store, timing, wake
from slowmatch.jobs.schedules.model import NEW, Schedule, ScheduleConflict
from slowmatch.jobs.schedules.timing import ScheduleError

HOME = "/dashboard/schedules"
PAGE_SIZE = 50
SEARCH_MAX = 64


@router.get("/dashboard/recurring")
def redirect_to_schedules() -> render.Page:
    return render.redirect(HOME)


@router.get("/dashboard/schedules")
def schedules_page() -> render.Page:
    request, con = current_request(), connection()
    q, after, now = request.query.get("q", "").strip()[:SEARCH_MAX], request.query.get("after", ""), con.now()
    found = made_schedules.page(con, q=q, after=after, limit=PAGE_SIZE + 1)
    rules = [] if after else job_summaries.list_jobs(con, now)
    return render.dashboard_page(
        "schedules.html",
        con,
        q=q,
        search_max=SEARCH_MAX,
        rules=[job for job in rules if job.scheduled is not False and q.lower() in job.name],
        seen=job_summaries.checked_schedules(con),
        schedules=view.shown(con, found[:PAGE_SIZE], now),
        is_first=not after,
        next=address(HOME, q=q, after=found[PAGE_SIZE - 1].schedule.name) if len(found) > PAGE_SIZE else None,
    )


@router.get("/dashboard/new-schedule")
@allow(Role.OPERATOR)
def new_schedule_page() -> render.Page:
    """The empty form, or one that is filled with the choices of another schedule."""
    request = current_request()
    if name := request.query.get("copy"):
        return _form_page(schedule_form.copy_of(store.get(connection(), name)))
    return _form_page(schedule_form.empty(request.identity, request.query.get("job", "")))


@router.get("/dashboard/schedule-times")
def schedule_times() -> render.Page:
    """What the expression means, and its next times: the part of the form that follows what is typed."""
    form = ScheduleForm(dict(current_request().query))
    schedule_form.read_timing(form)
    return render.page("schedule_times.html", form=form, times=_times(form))


@router.post("/dashboard/schedules")
@allow(Role.OPERATOR)
def create_schedule() -> render.Page:
    form = schedule_form.read(current_request().form)
    if current_request().value("show"):  # another job's fields, or the times: without scripts
        return _form_page(form)
    made = _put(form, form.name, NEW)
    return _saved(made) if made else _form_page(form, 422)


@router.get("/dashboard/schedules/<name>")
def schedule_page(name: str) -> render.Page:
    found = store.find(connection(), name)
    return _page(found, schedule_form.of_schedule(found)) if found else _not_found(name)


@router.post("/dashboard/schedules/<name>")
@allow(Role.OPERATOR)
def change_schedule(name: str) -> render.Page:
    found = store.find(connection(), name)
    form = schedule_form.read(current_request().form | {"schedule-name": [name]})
    if found is None:
        return _not_found(name, form)
    if current_request().value("show"):
        return _page(found, form)
    authorization.require_role(job_role(found.job))
    try:
        made = _put(form, name, form.version or found.version)
    except ScheduleConflict as conflict:
        if conflict.current is None:
            return _not_found(name, form)
        if conflict.current.choices() != form.chosen:
            return _conflict(conflict.current, form)
        made = found = conflict.current
    if made is None:
        return _page(found, form, 422)
    if made.version == found.version:
        return render.redirect(f"{HOME}/{name}", flash_message="There were no changes to save.")
    return _saved(made)


@router.post("/dashboard/schedules/<name>/pause")
@allow(Role.OPERATOR)
def pause_schedule(name: str) -> render.Page:
    return _set_enabled(name, False, "paused. Its times pass without a run until it is resumed.")


@router.post("/dashboard/schedules/<name>/resume")
@allow(Role.OPERATOR)
def resume_schedule(name: str) -> render.Page:
    return _set_enabled(name, True, "resumed.")


@router.post("/dashboard/schedules/<name>/run")
@allow(Role.OPERATOR)
def run_schedule(name: str) -> render.Page:
    """Start a run with the schedule's payload, beside its times."""
    found, con = _changeable(name), connection()
    try:
        run_id = store.run_now(con, name, actor=current_request().identity.name, trigger="console")
    except PayloadError as error:
        raise Problem(
            409, "Nothing was started", f"{found.job} no longer takes this payload: {error}"
        ) from error
    text = f"Run {short_id(run_id)} of {found.job} was created with the payload of {name}."
    return _back(name, FlashMessage(text, f"/runs/{run_id}", "Open the run"))


@router.post("/dashboard/schedules/<name>/delete")
@allow(Role.OPERATOR)
def delete_schedule(name: str) -> render.Page:
    """The page asks in a dialog; without scripts, a page of its own asks."""
    request, con, found = current_request(), connection(), _changeable(name)
    if request.value("sure") != "yes":
        return render.page("schedule_delete.html", con=con, schedule=found, words=found.words)
    try:
        store.remove(con, name, actor=request.identity.name, version=_seen_version())
    except ScheduleConflict as conflict:
        return _changed_meanwhile(name, conflict)
    wake.wake_dispatcher()
    return render.redirect(HOME, flash_message=f"Schedule {name} was deleted. Its runs are kept.")


def _changeable(name: str) -> Schedule:
    """Raises NoSuchSchedule, and Problem 403 unless the visitor has the role of its job."""
    found = store.get(connection(), name)
    authorization.require_role(job_role(found.job))
    return found


def _put(form: ScheduleForm, name: str, version: int) -> Schedule | None:
    """Save what was typed; None if something is wrong, with the error in the form. Raises ScheduleConflict."""
    authorization.require_role(job_role(form.job))
    if form.errors:
        return None
    con, actor = connection(), current_request().identity.name
    try:
        made = store.put(con, name, **form.chosen, actor=actor, version=version)
    except ScheduleError as error:
        form.refuse(error)
        return None
    except ScheduleConflict as conflict:
        if version != NEW:
            raise
        form.errors["schedule-name"] = str(conflict)
        return None
    wake.wake_dispatcher()
    return made


def _set_enabled(name: str, enabled: bool, did: str) -> render.Page:
    _changeable(name)
    con, actor = connection(), current_request().identity.name
    try:
        store.set_enabled(con, name, enabled, actor=actor, version=_seen_version())
    except ScheduleConflict as conflict:
        return _changed_meanwhile(name, conflict)
    wake.wake_dispatcher()
    return _back(name, f"Schedule {name} was {did}")


def _seen_version() -> int | None:
    """The version beside whose button the visitor pressed; None for a program that sends none."""
    return ScheduleForm({"schedule-version": current_request().value("schedule-version")}).version


def _changed_meanwhile(name: str, conflict: ScheduleConflict) -> render.Page:
    """Show the schedule as it is now, and say why nothing was done."""
    if conflict.current is None:
        return _not_found(name)
    who = conflict.current.changed_by
    text = f"{who} changed this schedule in the meantime, so nothing was done. This is what it is now."
    return render.redirect(f"{HOME}/{name}", flash_message=text)


def _saved(made: Schedule) -> render.Page:
    text = f"Schedule {made.name} was saved: {made.job}, {made.words}{'' if made.enabled else ', paused'}."
    return render.redirect(f"{HOME}/{made.name}", flash_message=FlashMessage(text, HOME, "All schedules"))


def _back(name: str, message: FlashMessage | str) -> render.Page:
    """Back to the page with the button that was pressed."""
    is_list = current_request().value("back-to") == "schedules"
    return render.redirect(HOME if is_list else f"{HOME}/{name}", flash_message=message)


def _form_page(form: ScheduleForm, status: int = 200) -> render.Page:
    con = connection()
    page = render.dashboard_page("new_schedule.html", con, status=status, **_of_form(form))
    if current_request().is_action:  # a reload shows an empty form
        page.headers["HX-Push-Url"] = address("/dashboard/new-schedule", job=form.job)
    return page


def _page(schedule: Schedule, form: ScheduleForm, status: int = 200) -> render.Page:
    con = connection()
    shown = view.shown(con, made_schedules.page(con, names=[schedule.name]), con.now())
    if not shown:  # somebody deletes it at this moment
        return _not_found(schedule.name)
    page = render.dashboard_page(
        "schedule.html",
        con,
        status=status,
        schedule=schedule,
        shown=shown[0],
        payload=view.payload_text(schedule),
        history=view.history(con, schedule.name),
        may_change=current_request().identity.may(job_role(schedule.job)),
        **_of_form(form),
    )
    page.headers["HX-Push-Url"] = f"{HOME}/{schedule.name}"
    return page


def _conflict(current: Schedule, form: ScheduleForm) -> render.Page:
    """409 with what is stored now beside what was typed."""
    theirs, mine = (schedule_form.as_json(each) for each in (current.choices(), form.chosen))
    return render.page(
        "schedule_conflict.html",
        409,
        con=connection(),
        schedule=current,
        rows=list(view.compared(form.was, theirs, mine)),
        merged=schedule_form.merged(form, current),
    )


def _not_found(name: str, form: ScheduleForm | None = None) -> render.Page:
    """404 with what is known of a schedule that was deleted, and with the form that can no longer be saved."""
    con = connection()
    data: dict[str, Any] = {"form": None}
    if form:
        form.values["schedule-version"] = str(NEW)
        data = _of_form(form)
    return render.page(
        "schedule_not_found.html",
        404,
        con=con,
        name=name,
        history=view.history(con, name),
        **data,
    )


def _of_form(form: ScheduleForm) -> dict[str, Any]:
    return {"form": form, "times": _times(form), "zones": timing.zones()}


def _times(form: ScheduleForm) -> list[datetime]:
    return view.next_times(form.timing, connection().now()) if form.timing else []
