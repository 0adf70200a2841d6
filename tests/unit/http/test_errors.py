"""From exception to problem+json."""

import json
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, ConfigDict

from slowmatch.aws.secrets import SecretError
from slowmatch.db import SchemaMissing, StatementError, Unavailable
from slowmatch.http.api import Api
from slowmatch.http.auth.authentication import public
from slowmatch.http.errors import Problem
from slowmatch.http.validation import field_errors
from slowmatch.settings import SettingsError
from slowmatch.telemetry import logger
from tests.support.http_events import http_event
from tests.support.issuer import Issuer


@pytest.fixture(autouse=True)
def logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logger, "propagate", True)


class WrongState(Exception):
    """A domain error."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    flag: bool
    number: int = 0
    names: list[str] = []


def answer(
    error: Exception | None = None, query: dict[str, str] | None = None, body: str | None = None
) -> tuple[int, dict[str, str], Any]:
    app = Api({WrongState: 409})

    @app.get("/raise")
    @public
    def raise_error(
        job: Annotated[str, Query()] = "", since: Annotated[str, Query(alias="from")] = ""
    ) -> Response[str]:
        if error:
            raise error
        return Response(200, "application/json", json.dumps({"job": job, "from": since}))

    @app.post("/raise")
    @public
    def take(body: Body) -> Response[str]:
        return Response(200, "application/json", body.model_dump_json())

    event = http_event(
        "GET" if body is None else "POST",
        "/raise",
        body,
        headers={"content-type": "application/json"},
        queryStringParameters=query,
    )
    answered = app.resolve(event, None)
    return answered["statusCode"], answered["headers"], json.loads(answered["body"])


def missing() -> SchemaMissing:
    return SchemaMissing({"M": 'relation "record" does not exist', "C": "42P01"})


@pytest.mark.parametrize(
    ("error", "status", "in_detail"),
    [
        (Problem(418, "Teapot", "short and stout"), 418, "short and stout"),
        (WrongState("the run is processing"), 409, "the run is processing"),
        (Unavailable("no route to db.internal:5432"), 503, "database"),
        (missing(), 503, "migrate"),
        (StatementError({"M": "value of db.internal too long", "C": "22001"}), 500, "log"),
        (SettingsError("DB_HOST is not set at db.internal"), 500, "log"),
        (SecretError("secret db.internal has no password"), 500, "log"),
        (ZeroDivisionError("db.internal"), 500, "log"),
    ],
)
def test_every_error_is_a_problem_without_internals(error: Exception, status: int, in_detail: str) -> None:
    found, headers, problem = answer(error)
    assert (found, headers["Content-Type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert headers.get("Retry-After") == ("5" if status == 503 else None)
    assert in_detail in problem["detail"]
    assert problem["title"]
    assert "db.internal" not in json.dumps(problem)


@pytest.mark.parametrize("error", [Unavailable, SettingsError, SecretError])
def test_operators_get_one_clear_line(error: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    answer(error("no route to db.internal:5432"))
    (record,) = caplog.records
    assert (record.message, record.exc_info) == ("no route to db.internal:5432", None)


def test_a_bug_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    answer(ZeroDivisionError("oh"))
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_clients_mistake_is_not_logged_as_ours(caplog: pytest.LogCaptureFixture) -> None:
    answer(WrongState("no"))
    answer(body='{"flag": 5}')
    assert caplog.records == []


def test_a_query_parameter_is_known_by_its_alias() -> None:
    assert answer(query={"job": "a", "from": "b"})[2] == {"job": "a", "from": "b"}
    status, _, problem = answer(query={"job": "a", "since": "b"})
    assert (status, problem["errors"][0]["field"]) == (422, "since")
    assert problem["errors"][0]["message"].endswith("the accepted ones are from, job")


def test_one_of_a_thing_is_no_plural() -> None:
    def said(kind: str, **limit: int) -> str:
        return field_errors([{"type": kind, "loc": ("body", "title"), "ctx": limit}])[0]["message"]

    assert said("string_too_short", min_length=1) == "must have at least 1 character"
    assert said("string_too_long", max_length=500) == "must have at most 500 characters"
    assert said("too_short", min_length=1) == "must have at least 1 item"
    assert said("too_long", max_length=1000) == "must have at most 1000 items"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ('{"flag": 1}', [("flag", "must be true or false")]),
        ('{"flag": true, "number": "5"}', [("number", "must be a single whole number")]),
        ('{"flag": true, "names": ["a", 5]}', [("names.1", "must be a single string")]),
        ('{"flag": true, "names": "a"}', [("names", "must be a list")]),
        ('{"x": 1}', [("flag", "is required"), ("x", "is not a known field")]),
    ],
)
def test_wrong_types_are_said_in_words(body: str, errors: list[tuple[str, str]]) -> None:
    status, _, problem = answer(body=body)
    assert status == 422
    assert [(error["field"], error["message"]) for error in problem["errors"]] == errors


def test_a_middleware_that_would_not_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="middleware"):
        Api().use([lambda app, next_middleware: next_middleware(app)])


def test_the_log_keeps_the_beginning_of_an_address(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    Api().resolve(http_event("GET", "/" + "x" * 10_000), None)
    (record,) = caplog.records
    assert vars(record)["path"] == "/" + "x" * 199
