"""The records API, from API Gateway's event to PostgreSQL and back."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.settings import Settings
from tests.conftest import LambdaContext
from tests.support.http_events import http_event

JSON = "application/json"
GOOD = {"title": "Certificate", "expiry_date": "2126-12-31T12:00:00Z"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.text or "")

    @property
    def errors(self) -> dict[str, str]:
        return {error["field"]: error["message"] for error in self.json["errors"]}


Call = Callable[..., Answer]


@pytest.fixture
def call(environment: Settings, lambda_context: LambdaContext) -> Call:
    from records_api.app import handler

    def send(
        method: str,
        path: str = "/api/records",
        body: object = None,
        query: dict[str, str] | None = None,
        content_type: str | None = JSON,
        encoded: bool = False,
        if_match: str | None = None,
        key: str | None = None,
    ) -> Answer:
        event = http_event(
            method,
            path,
            body if isinstance(body, str) or body is None else json.dumps(body),
            headers=({"content-type": content_type} if content_type else {})
            | ({"if-match": if_match} if if_match else {})
            | ({"idempotency-key": key} if key else {}),
            queryStringParameters=query,
            isBase64Encoded=encoded,
        )
        answer = handler(event, lambda_context)
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    return send


def test_a_record_is_created_read_replaced_changed_and_deleted(call: Call) -> None:
    created = call("POST", body={"title": "Fuse 🧨", "expiry_date": "2026-12-31T12:00:00+02:00"})
    assert created.status == 201
    assert created.json["expiry_date"] == "2026-12-31T10:00:00Z"
    path = created.headers["Location"]
    assert path == f"/api/records/{created.json['id']}"
    assert call("GET", path).json == created.json

    replaced = call("PUT", path, GOOD)
    assert (replaced.status, replaced.json) == (200, created.json | GOOD)
    changed = call("PATCH", path, {"title": "Renamed"})
    assert (changed.status, changed.json) == (200, replaced.json | {"title": "Renamed"})
    moved = call("PATCH", path, {"expiry_date": "2027-01-01T00:00:00Z"})
    assert moved.json == changed.json | {"expiry_date": "2027-01-01T00:00:00Z"}

    deleted = call("DELETE", path)
    assert (deleted.status, deleted.text) == (204, None)
    assert call("GET", path).status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_an_unknown_record_is_a_404_problem(call: Call, method: str) -> None:
    answer = call(method, "/api/records/42", GOOD if method in ("PUT", "PATCH") else None)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "there is no record 42",
    }


BAD_FIELDS: list[tuple[dict[str, object], str, str]] = [
    ({"title": ""}, "title", "at least 1 character"),
    ({"title": "x" * 501}, "title", "at most 500 characters"),
    ({"title": " \t\n\u3000"}, "title", "visible"),
    ({"title": "\u200b"}, "title", "visible"),
    ({"title": "a\0b"}, "title", "NUL"),
    ({"title": "\ud800"}, "title", "Unicode"),
    ({"title": 5}, "title", "string"),
    ({"title": ["x"]}, "title", "string"),
    ({"title": None}, "title", "string"),
    ({"expiry_date": "2026-12-31T12:00:00"}, "expiry_date", "has no UTC offset"),
    ({"expiry_date": 1798718400}, "expiry_date", "must be a string"),
    ({"expiry_date": None}, "expiry_date", "must be a string"),
    ({"is_expired": True}, "is_expired", "not a known field"),
    ({"id": 1}, "id", "not a known field"),
]


@pytest.mark.parametrize(("change", "field", "message"), BAD_FIELDS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_bad_field_is_named_and_nothing_is_written(
    call: Call, con: Connection, method: str, change: dict[str, object], field: str, message: str
) -> None:
    before = call("POST", body=GOOD)
    path = "/api/records" if method == "POST" else before.headers["Location"]
    answer = call(method, path, change if method == "PATCH" else GOOD | change)
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert list(answer.errors) == [field]
    assert message in answer.errors[field]
    assert message in answer.json["detail"]
    assert call("GET").json["items"] == [before.json]


@pytest.mark.parametrize("field", ["title", "expiry_date"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_field_left_out_is_required(call: Call, method: str, field: str) -> None:
    path = "/api/records" if method == "POST" else call("POST", body=GOOD).headers["Location"]
    answer = call(method, path, {name: value for name, value in GOOD.items() if name != field})
    assert (answer.status, answer.errors) == (422, {field: "is required"})


def test_a_change_of_nothing_says_what_can_be_changed(call: Call) -> None:
    answer = call("PATCH", call("POST", body=GOOD).headers["Location"], {})
    assert (answer.status, answer.errors) == (422, {"body": "must have title, expiry_date or both"})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        *((body, "must be a JSON object") for body in ("[]", "5", '"text"', "null", json.dumps([GOOD]))),
        (None, "is required"),
        ("", "is required"),
    ],
)
def test_a_body_other_than_an_object_is_refused(call: Call, body: str | None, message: str) -> None:
    answer = call("POST", body=body)
    assert (answer.status, answer.errors) == (422, {"body": message})


@pytest.mark.parametrize(
    "body", ["{", "title=x", '{"title": NaN}', "[" * 60_000, '{"title": ' + "9" * 5000 + "}", "{'title': 1}"]
)
def test_malformed_json_is_a_400(call: Call, body: str) -> None:
    answer = call("POST", body=body)
    assert (answer.status, list(answer.errors)) == (400, ["body"])


@pytest.mark.parametrize("body", ["!!!", base64.b64encode(b'{"title": "\xff"}').decode()])
def test_a_body_that_is_no_text_is_a_400(call: Call, body: str) -> None:
    assert call("POST", body=body, encoded=True).status == 400


def test_a_base64_body_is_read(call: Call) -> None:
    body = base64.b64encode(json.dumps(GOOD).encode()).decode()
    assert call("POST", body=body, encoded=True).status == 201


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_another_content_type_is_a_415(call: Call, content_type: str | None) -> None:
    answer = call("POST", body=GOOD, content_type=content_type)
    assert answer.status == 415
    assert JSON in answer.json["detail"]
    assert call("GET").json["items"] == []


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_may_have_parameters_and_capitals(call: Call, content_type: str) -> None:
    assert call("POST", body=GOOD, content_type=content_type).status == 201


def test_a_body_over_64_kib_is_a_413(call: Call) -> None:
    assert call("POST", body="x" * (64 * 1024 + 1)).status == 413
    assert call("POST", body="é" * (32 * 1024 + 1), content_type="text/plain").status == 413
    fits = json.dumps(GOOD)
    assert call("POST", body=fits + " " * (64 * 1024 - len(fits))).status == 201


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "must be a whole number"),
        ("1_0", "must be a whole number"),
        ("0", "must be at least 1"),
        ("-1", "must be at least 1"),
        ("9223372036854775808", "must be at most 9223372036854775807"),
        ("9" * 40, "must be a whole number"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_id_that_is_none_is_refused(call: Call, method: str, text: str, message: str) -> None:
    answer = call(method, f"/api/records/{text}")
    assert (answer.status, answer.errors) == (422, {"id": message})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"limit": "0"}, "must be at least 1"),
        ({"limit": "201"}, "must be at most 200"),
        ({"limit": ""}, "must be a whole number"),
        ({"limit": "1,2"}, "must be a whole number"),
        ({"status": "gone"}, "must be one of 'all', 'active', 'due', 'soon' or 'expired'"),
        ({"sort": "title"}, "must be one of 'created', '-created', 'expiry_date' or '-expiry_date'"),
        (
            {"sort": "created", "status": "due"},
            "must be expiry_date or -expiry_date for the status due",
        ),
        ({"q": "x" * 201}, "must have at most 200 characters"),
        ({"q": "a\0b"}, "must not contain NUL (U+0000)"),
        ({"cursor": "nonsense"}, "must be the `next` value from an earlier page of the same list"),
        ({"cursor": "é"}, "must be the `next` value from an earlier page of the same list"),
        (
            {"offset": "5"},
            "is not an accepted query parameter; the accepted ones are cursor, limit, q, sort, status",
        ),
    ],
)
def test_a_bad_query_parameter_is_named(call: Call, query: dict[str, str], message: str) -> None:
    answer = call("GET", query=query)
    assert (answer.status, answer.errors) == (422, {next(iter(query)): message})


@pytest.mark.parametrize(
    "query", [{"status": "all"}, {"status": "active"}, {"sort": "created"}, {"sort": "-expiry_date"}]
)
def test_pages_follow_each_other_by_their_cursors(call: Call, query: dict[str, str]) -> None:
    created = [call("POST", body=GOOD).json["id"] for _ in range(5)]
    walked: list[int] = []
    query = {**query, "limit": "2"}
    while True:
        page = call("GET", query=query).json
        walked += [record["id"] for record in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    is_ascending = query.get("status") == "active" or query.get("sort") == "created"
    assert walked == (created if is_ascending else created[::-1])


@pytest.mark.parametrize("other", [{"status": "active"}, {"sort": "created"}])
def test_a_cursor_of_another_list_is_refused(call: Call, other: dict[str, str]) -> None:
    for _ in range(2):
        call("POST", body=GOOD)
    cursor = call("GET", query={"limit": "1"}).json["next"]
    answer = call("GET", query={"limit": "1", "cursor": cursor, **other})
    assert (answer.status, list(answer.errors)) == (422, ["cursor"])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_of_what_was_read_before_is_a_412(call: Call, method: str) -> None:
    path = call("POST", body=GOOD).headers["Location"]
    tag = call("GET", path).headers["ETag"]
    changed = call("PATCH", path, {"title": "Theirs"}, if_match=tag)
    assert (changed.status, changed.headers["ETag"]) == (200, call("GET", path).headers["ETag"])
    body = None if method == "DELETE" else GOOD
    refused = call(method, path, body, if_match=tag)
    assert (refused.status, refused.headers["Content-Type"]) == (412, "application/problem+json")
    assert "read it again, and repeat the request with the new ETag" in refused.json["detail"]
    assert call("GET", path).json["title"] == "Theirs"
    assert call(method, path, body, if_match=f'"1", {changed.headers["ETag"]}').status < 300


@pytest.mark.parametrize(
    ("if_match", "status"),
    [("*", 200), (None, 200), ('W/"1"', 412), ("1", 422), ('"1" "2"', 422), ("*, *", 422)],
)
def test_if_match_is_a_list_of_strong_tags_or_a_star(call: Call, if_match: str | None, status: int) -> None:
    path = call("POST", body=GOOD).headers["Location"]
    assert call("PATCH", path, {"title": "Mine"}, if_match=if_match).status == status


def test_a_record_that_is_gone_is_not_found_whatever_its_version(call: Call) -> None:
    for method in ("PATCH", "DELETE"):
        assert (
            call(method, "/api/records/42", GOOD if method == "PATCH" else None, if_match='"1"').status == 404
        )


def test_overdue_records_are_due_and_not_active(call: Call) -> None:
    due = call("POST", body=GOOD | {"expiry_date": "2020-01-01T00:00:00Z"}).json["id"]
    active = call("POST", body=GOOD | {"expiry_date": "2999-01-01T00:00:00Z"}).json["id"]
    for status, expected in {"due": due, "active": active}.items():
        items = call("GET", query={"status": status}).json["items"]
        assert [record["id"] for record in items] == [expected]


def test_an_unknown_address_or_method_is_a_404_problem(call: Call) -> None:
    for answer in (call("GET", "/api/nothing", query={"a": "b"}), call("PATCH", "/api/records", GOOD)):
        assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_file_is_imported_once_for_each_key(call: Call) -> None:
    text = "title,expiry_date\nPassport,2027-01-01\nVisa,soon\n"
    answers = [call("POST", "/api/records/import", text, content_type="text/csv", key="k") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    assert (answers[0].json["created"], answers[0].json["refused"][0]["line"]) == (1, 3)
    assert [record["title"] for record in call("GET").json["items"]] == ["Passport"]
    other = call("POST", "/api/records/import", text + "x,2027-01-01", content_type="text/csv", key="k")
    assert (other.status, "already used" in other.json["detail"]) == (409, True)


def test_a_dry_run_of_an_import_creates_nothing(call: Call) -> None:
    text = "title,expiry_date\nPassport,2027-01-01\n"
    checked = call("POST", "/api/records/import", text, {"dry_run": "true"}, content_type="text/csv")
    assert (checked.json["valid"], checked.json["created"]) == (1, 0)
    assert call("GET").json["items"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("title,expiry_date\n", "application/json", 415),
        ("title\n", "text/csv", 422),
        (None, "text/csv", 422),
        ("title,expiry_date\n" + "x" * 1024 * 1024, "text/csv", 413),
    ],
)
def test_what_is_no_csv_of_records_is_refused(
    call: Call, body: str | None, content_type: str, status: int
) -> None:
    answer = call("POST", "/api/records/import", body, content_type=content_type)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
