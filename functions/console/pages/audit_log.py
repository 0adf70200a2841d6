"""The audit log: what people and API clients did, and when."""

from console.views.run_actions import bulk_note
from console.views.schedules import changes
from console.web import render
from console.web.request import address, current_request, router
from slowmatch.db import connection
from slowmatch.jobs.queries import audit_log

PAGE_SIZE = 50
CURSOR_MAX = 1_000


@router.get("/dashboard/activity")
def audit_log_page() -> render.Page:
    request, con = current_request(), connection()
    before = request.query.get("before", "")[:CURSOR_MAX]
    try:
        is_valid, page = True, audit_log.page(con, before or None, PAGE_SIZE)
    except ValueError:
        is_valid, page = False, audit_log.page(con, None, PAGE_SIZE)
    for item in page.items:
        item["changes"] = list(changes(item["before"], item["after"]))
    return render.dashboard_page(
        "audit_log.html",
        con,
        actions=page.items,
        bulk_notes={item["id"]: bulk_note(item["bulk"], con.now()) for item in page.items if item["bulk"]},
        is_first=not before or not is_valid,
        is_valid=is_valid,
        next=address(request.path, before=page.next) if page.next else None,
    )
