"""Who may call which route: every route of the code, called by everybody."""

import base64
import importlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from slowmatch import schedules
from slowmatch.db import Connection
from slowmatch.http.auth import sessions
from slowmatch.http.auth.roles import Identity, Role
from slowmatch.jobs import enqueue
from tests.conftest import LambdaContext
from tests.integration.access.conftest import HOST, internet_event, nothing_written
from tests.sam import routes
from tests.support.issuer import Issuer

OPEN = {
    "GET /api/health",
    "GET /static/{file}",
    "GET /sign-in",
    "GET /sign-in/callback",
    "POST /sign-out",
    "GET /signed-out",
}
OPERATORS = {
    "POST /api/records",
    "POST /api/records/import",
    "PUT /api/records/{id}",
    "PATCH /api/records/{id}",
    "POST /api/jobs/{job}/runs",
    "POST /api/jobs/{job}/pause",
    "POST /api/jobs/{job}/resume",
    "POST /api/runs/{run_id}/requeue",
    "POST /api/runs/{run_id}/run-now",
    "PUT /api/schedules/{name}",
    "DELETE /api/schedules/{name}",
    "POST /api/schedules/{name}/pause",
    "POST /api/schedules/{name}/resume",
    "POST /api/schedules/{name}/run",
    "POST /records",
    "POST /records/{record_id}",
    "POST /records/import",
    "POST /records/bulk",  # to delete is for admins
    "POST /records/bulk/{action_id}",
    "POST /jobs/{job}/run",
    "POST /jobs/{job}/pause",
    "POST /jobs/{job}/resume",
    "POST /jobs/{job}/mute",
    "POST /jobs/{job}/unmute",
    "POST /dashboard/schedules",
    "POST /dashboard/schedules/{name}",
    "POST /dashboard/schedules/{name}/pause",
    "POST /dashboard/schedules/{name}/resume",
    "POST /dashboard/schedules/{name}/run",
    "POST /dashboard/schedules/{name}/delete",
    "POST /dashboard/failing/{group}/retry",
    "POST /dashboard/failing/{group}/acknowledge",
    "POST /dashboard/failing/{group}/undo",
    "POST /runs/{run_id}/again",
    "POST /runs/{run_id}/{action}",  # stop and delete, which are two of the actions, are for admins
}
FORMS = {"GET /runs/{run_id}/again", "GET /dashboard/new-schedule"}
"""Pages for operators: forms for what only they may do."""
ADMINS = {
    "DELETE /api/records/{id}",
    "POST /api/runs/{run_id}/stop",
    "POST /api/runs/{run_id}/delete",
    "POST /api/runs/requeue",
    "POST /api/runs/run-now",
    "POST /api/runs/delete",
    "POST /records/{record_id}/delete",
    "POST /runs",
    "POST /dashboard/failing/{group}/delete",
    "POST /dashboard/activity/{action_id}/{step}",
}
ROUTES = {str(route): folder for folder, route in routes.all_of_code()}
CLOSED = sorted(ROUTES.keys() - OPEN)
CHANGING = sorted(OPERATORS | ADMINS)
GROUPS = {Role.VIEWER: ["viewer"], Role.OPERATOR: ["operator"], Role.ADMIN: ["admin"]}
CURRENT = {"{page}": "runs", "{path}.*": "schedules", ".+": "nowhere"}


def required_role(route: str) -> Role:
    return Role.ADMIN if route in ADMINS else Role.OPERATOR if route in OPERATORS | FORMS else Role.VIEWER


def may(role: Role | None, route: str) -> bool:
    return role is not None and role >= required_role(route)


Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(con: Connection, issuer: Issuer, lambda_context: LambdaContext) -> Call:
    """Calls a route as its function's clients do: the API's with a token, the console's with a cookie."""
    run_id = enqueue(con, "db-cleanup", due_at=con.now()).run_id
    ((record_id,),) = con.query(
        "INSERT INTO record (title, expiry_date) VALUES ('Certificate', '2026-12-31') RETURNING id"
    )
    names = CURRENT | {"{run_id}": str(run_id), "{id}": str(record_id), "{name}": "some-schedule"}

    def call(
        route: str,
        role: Role | None,
        signed_in: bool = True,
        action: str = "requeue",
        job: str = "db-cleanup",
        run: str = run_id,
        content: str = "{}",
        **headers: str,
    ) -> dict[str, Any]:
        method, path = route.split()
        for name, value in (names | {"{action}": action, "{job}": job, "{run_id}": run}).items():
            path = path.replace(name, value)
        who = Identity("kim@example.com", "1", role)
        sent, cookies, body = {"host": HOST}, [], None
        if ROUTES[route] == "console":
            sent |= {"origin": f"https://{HOST}", "content-type": "application/x-www-form-urlencoded"}
            cookies = [f"__Host-session={sessions.issue(who)}"] if signed_in else []
            body = None if method == "GET" else "title=x"
        else:
            sent |= {"content-type": "application/json"}
            groups: dict[str, Any] = {"cognito:groups": GROUPS[role] if role else []}
            sent |= {"authorization": f"Bearer {issuer.access_token(**groups)}"} if signed_in else {}
            body = None if method == "GET" else content
        event = internet_event(
            method,
            path,
            body and base64.b64encode(body.encode()).decode(),
            headers=sent | headers,
            cookies=cookies,
            routeKey=route,
            isBase64Encoded=body is not None,
        )
        handler = importlib.import_module(f"{ROUTES[route]}.app").handler
        answer: dict[str, Any] = handler(event, lambda_context)
        return answer

    return call


def test_every_route_that_changes_something_has_its_role_here() -> None:
    assert {route for route in ROUTES if not route.startswith("GET ")} - OPEN == OPERATORS | ADMINS
    assert not OPERATORS & ADMINS


def test_no_other_route_is_open() -> None:
    from slowmatch.http.auth import authentication

    for folder in sorted(set(ROUTES.values())):
        app = importlib.import_module(f"{folder}.app").app
        known = app._static_routes + app._dynamic_routes
        found = {route.rule.pattern for route in known if authentication.required_role(route) is None}
        assert len(found) == len({route for route in OPEN if ROUTES[route] == folder}), found


@pytest.mark.parametrize("route", CLOSED)
def test_nobody_gets_in_without_an_identity(con: Connection, call: Call, route: str) -> None:
    with nothing_written(con):
        answer = call(route, None, signed_in=False)
    if ROUTES[route] == "console" and route.startswith("GET "):
        assert answer["statusCode"] == 303
        assert answer["headers"]["Location"].startswith("/sign-in?next=/")
    else:
        assert answer["statusCode"] == 401


@pytest.mark.parametrize(
    ("route", "role"), [(route, role) for route in CLOSED for role in (None, *Role) if not may(role, route)]
)
def test_a_lower_role_changes_nothing(con: Connection, call: Call, route: str, role: Role | None) -> None:
    with nothing_written(con):
        assert call(route, role)["statusCode"] == 403


@pytest.mark.parametrize("action", ["stop", "delete"])
def test_an_operator_stops_and_deletes_no_run_on_its_page(con: Connection, call: Call, action: str) -> None:
    route = "POST /runs/{run_id}/{action}"
    with nothing_written(con):
        assert call(route, Role.OPERATOR, action=action)["statusCode"] == 403
    assert call(route, Role.ADMIN, action=action)["statusCode"] == 303


@pytest.mark.parametrize(
    ("route", "content"),
    [
        ("POST /api/jobs/{job}/runs", "{}"),
        ("POST /api/jobs/{job}/runs", '{"payloads": [{}, {}]}'),
        ("POST /jobs/{job}/run", ""),
        ("POST /api/runs/{run_id}/requeue", "{}"),
        ("POST /api/runs/{run_id}/run-now", "{}"),
        ("POST /runs/{run_id}/{action}", ""),
    ],
)
def test_an_operator_starts_no_job_that_is_for_admins(
    con: Connection, call: Call, route: str, content: str
) -> None:
    run_id = enqueue(con, "send-test-mail", due_at=con.now() + timedelta(hours=1)).run_id
    with nothing_written(con):
        assert (
            call(route, Role.OPERATOR, job="send-test-mail", run=run_id, content=content)["statusCode"] == 403
        )
    answer = call(route, Role.ADMIN, job="send-test-mail", run=run_id, content=content)
    assert answer["statusCode"] in (202, 303, 409)  # 409: a run that waits cannot be requeued


@pytest.mark.parametrize(
    ("old_job", "new_job"), [("send-test-mail", "db-cleanup"), ("db-cleanup", "send-test-mail")]
)
def test_an_operator_changes_no_schedule_that_is_for_admins(
    con: Connection, call: Call, old_job: str, new_job: str
) -> None:
    schedules.put(con, "some-schedule", job=old_job, expression="rate(1 day)")
    route, wanted = "PUT /api/schedules/{name}", f'{{"job": "{new_job}", "expression": "rate(1 day)"}}'
    with nothing_written(con):
        assert call(route, Role.OPERATOR, content=wanted)["statusCode"] == 403
    assert call(route, Role.ADMIN, content=wanted)["statusCode"] == 200


@pytest.mark.parametrize(
    "route", sorted(route for route in OPERATORS if "/api/schedules/" in route and "PUT" not in route)
)
def test_an_operator_leaves_schedules_of_admins_alone(con: Connection, call: Call, route: str) -> None:
    schedules.put(con, "some-schedule", job="send-test-mail", expression="rate(1 day)")
    with nothing_written(con):
        assert call(route, Role.OPERATOR)["statusCode"] == 403
    assert call(route, Role.ADMIN)["statusCode"] in (200, 202, 204)


@pytest.mark.parametrize("route", CLOSED)
def test_who_has_the_role_gets_in(call: Call, route: str) -> None:
    assert call(route, required_role(route))["statusCode"] not in (401, 403, 500)


# tricks


@pytest.mark.parametrize("route", CHANGING)
def test_what_another_site_s_page_sends_is_refused(con: Connection, call: Call, route: str) -> None:
    with nothing_written(con):
        assert call(route, Role.ADMIN, origin="https://evil.example.com")["statusCode"] == 403


def test_a_form_without_an_origin_is_refused(con: Connection, call: Call) -> None:
    route = "POST /runs/{run_id}/{action}"
    with nothing_written(con):
        assert call(route, Role.ADMIN, origin="")["statusCode"] == 403
    same_origin = call(route, Role.ADMIN, "delete", **{"origin": "", "sec-fetch-site": "same-origin"})
    assert same_origin["statusCode"] == 303


@pytest.mark.parametrize(
    "path",
    [
        "/api/health/../records",
        "/api/health/..%2frecords",
        "/api//records",
        "//api/records",
        "/API/RECORDS",
        "/api/records/",
        "/api/records;x=/api/health",
        "/api/records?/api/health",
        "/api/records%00",
        "/api/health%0a",
        "/static/../api/records",
        "/nowhere",
    ],
)
@pytest.mark.parametrize("folder", ["records_api", "jobs_api", "console"])
def test_no_spelling_of_a_path_goes_past_the_sign_in(
    con: Connection, issuer: Issuer, lambda_context: LambdaContext, folder: str, path: str
) -> None:
    app = importlib.import_module(f"{folder}.app")
    answer = app.handler(internet_event("GET", path), lambda_context)
    leads = folder == "console" and not path.startswith("/api/")
    assert answer["statusCode"] == (303 if leads else 401)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get", "DELETE"])
def test_no_method_goes_past_the_sign_in(
    con: Connection, issuer: Issuer, lambda_context: LambdaContext, method: str
) -> None:
    for folder in ("records_api", "jobs_api"):
        app = importlib.import_module(f"{folder}.app")
        assert app.handler(internet_event(method, "/api/records"), lambda_context)["statusCode"] == 401


def test_a_route_that_opts_out_of_validation_is_no_way_in(issuer: Issuer) -> None:
    from slowmatch.http.api import Api

    app = Api()

    @app.get("/careless", enable_validation=False)
    def careless() -> dict[str, str]:
        return {"secret": "x"}

    answer = app.resolve(internet_event("GET", "/careless"), None)
    assert answer["statusCode"] == 401
    assert "secret" not in json.dumps(answer)
