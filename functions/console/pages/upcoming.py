"""The page Upcoming: what schedules, delays and retries will start in the next day or week."""

from console.views import upcoming
from console.web import render
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http.errors import Problem


@router.get("/dashboard/upcoming")
def upcoming_page() -> render.Page:
    con, window = connection(), current_request().query.get("window", "24h")
    if window not in upcoming.SPANS:
        reason = f"window must be one of {', '.join(upcoming.SPANS)}, not {window[:40]!r}"
        raise Problem(422, "No such time span", reason)
    return render.dashboard_page(
        "upcoming.html",
        con,
        window=window,
        upcoming=upcoming.read(con, con.now(), window),
    )
