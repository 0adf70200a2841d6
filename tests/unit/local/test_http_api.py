import base64
import json
from typing import Any

import pytest

from local.event_sources import http_api
from local.event_sources.http_api import Request
from local.event_sources.routes import Routes
from local.template.model import Template


@pytest.fixture
def routes(tiny: Template) -> Routes:
    return Routes(tiny.functions)


def event(routes: Routes, method: str = "GET", path: str = "/things/7", **parts: Any) -> dict[str, Any]:
    match = routes.match(method, path)
    assert match is not None
    parts = {"query": "", "headers": [], "body": b"", "source_ip": "127.0.0.1"} | parts
    return http_api.event(Request(method=method, path=path, **parts), match)


def test_the_event_has_format_2(routes: Routes) -> None:
    made = event(routes, headers=[("Host", "localhost:8080"), ("User-Agent", "curl")])
    context = made["requestContext"]
    assert made["version"] == "2.0"
    assert made["routeKey"] == context["routeKey"] == "GET /things/{id}"
    assert made["rawPath"] == context["http"]["path"] == "/things/7"
    assert made["pathParameters"] == {"id": "7"}
    assert made["headers"] == {"host": "localhost:8080", "user-agent": "curl"}
    assert context["http"]["method"] == "GET"
    assert context["http"]["userAgent"] == "curl"
    assert made["isBase64Encoded"] is False
    assert not {"body", "cookies", "queryStringParameters"} & made.keys()


def test_repeated_parameters_are_joined_by_commas(routes: Routes) -> None:
    made = event(routes, query="state=a&state=b%20c&q=x+y&empty=")
    assert made["rawQueryString"] == "state=a&state=b%20c&q=x+y&empty="
    assert made["queryStringParameters"] == {"state": "a,b c", "q": "x y", "empty": ""}


def test_cookies_are_no_header(routes: Routes) -> None:
    made = event(routes, headers=[("Cookie", "a=1; b=2"), ("Cookie", "c=3"), ("X-A", "1"), ("x-a", "2")])
    assert made["cookies"] == ["a=1", "b=2", "c=3"]
    assert made["headers"] == {"x-a": "1,2"}


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("application/json", "{}ü".encode(), "{}ü"),
        ("text/plain; charset=utf-8", "ü".encode(), "ü"),
        ("application/problem+json", b"{}", "{}"),
        ("", "ü".encode(), "ü"),
        ("image/png", b"\x89PNG", None),
        ("application/x-www-form-urlencoded", b"a=1", None),
        ("", b"\xff", None),
    ],
)
def test_only_a_text_comes_as_it_is(routes: Routes, kind: str, body: bytes, shown: str | None) -> None:
    made = event(routes, "POST", "/open", headers=[("content-type", kind)], body=body)
    assert made["isBase64Encoded"] is (shown is None)
    assert made["body"] == (base64.b64encode(body).decode() if shown is None else shown)


def answer(document: Any) -> http_api.Response:
    return http_api.response(json.dumps(document).encode())


def test_a_full_answer_is_taken_apart() -> None:
    response = answer({"statusCode": 201, "headers": {"X-A": 1}, "cookies": ["a=1", "b=2"], "body": "made"})
    assert response.status == 201
    assert response.body == b"made"
    assert response.headers == (
        ("x-a", "1"),
        ("content-type", "text/plain;charset=utf-8"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    )


def test_a_body_in_base64_is_decoded() -> None:
    encoded = base64.b64encode(b"\x00\xff").decode()
    assert answer({"statusCode": "200", "body": encoded, "isBase64Encoded": True}).body == b"\x00\xff"


@pytest.mark.parametrize(
    ("document", "body"), [({"a": 1}, b'{"a": 1}'), ("text", b"text"), ([1], b"[1]"), (None, b"null")]
)
def test_any_other_answer_is_the_body(document: Any, body: bytes) -> None:
    response = answer(document)
    assert (response.status, response.body) == (200, body)
    assert response.headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    "document",
    [
        {"statusCode": "many"},
        {"statusCode": 42},
        {"statusCode": None},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
    ],
)
def test_a_malformed_answer_is_an_internal_error(document: Any) -> None:
    response = answer(document)
    assert (response.status, response.body) == (500, b'{"message":"Internal Server Error"}\n')
