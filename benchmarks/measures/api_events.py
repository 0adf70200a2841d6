"""API Gateway events for the records API, and a check that two handlers answer them alike."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from benchmarks.harness.program import Program
from local import ROOT

PATH = "/api/records"
NEW: dict[str, object] = {"title": "Certificate", "expiry_date": "2031-01-01T00:00:00Z"}
# Headers that clients and API Gateway add to those of the sample events.
HEADERS = {
    "accept-encoding": "gzip, deflate, br",
    "accept-language": "en",
    "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}

Event = dict[str, Any]


def _sample(name: str, path: str) -> Event:
    event: Event = json.loads((ROOT / "events" / "records_api" / f"{name}.json").read_text("utf-8"))
    event["headers"] |= HEADERS
    event["requestContext"]["http"]["path"] = event["rawPath"] = path
    return event


def get(path: str = PATH, **query: str) -> Event:
    event = _sample("list", path)
    event.pop("queryStringParameters", None)
    event["rawQueryString"] = "&".join(f"{name}={value}" for name, value in query.items())
    return event | ({"queryStringParameters": query} if query else {})


def post(body: Mapping[str, object]) -> Event:
    return _sample("create", PATH) | {"body": json.dumps(body)}


def signed(event: Event, token: str) -> Event:
    """The event with a bearer token."""
    return event | {"headers": event["headers"] | {"authorization": f"Bearer {token}"}}


EVENTS = {"get": get(f"{PATH}/1"), "list": get(), "create": post(NEW)}


def assert_alike(one: Program, other: Program) -> None:
    """Both give the same answers to valid requests and refuse the same invalid ones."""
    for event in (
        get(f"{PATH}/1"),
        *(get(status=status, limit="7") for status in ("all", "active", "expired")),
    ):
        _assert_same(event, _content(one, event), _content(other, event))
    for event in _wrong():
        _assert_same(event, _refusal(one, event), _refusal(other, event))
    _assert_same(EVENTS["list"], _pages(one), _pages(other))
    _assert_same(EVENTS["create"], _created(one), _created(other))


def _assert_same(event: Event, one: object, other: object) -> None:
    request = event["requestContext"]["http"]["method"], event["rawPath"], event["rawQueryString"]
    assert one == other, f"{request} {event.get('body')}: {one} and {other}"


def _wrong() -> Iterator[Event]:
    for record_id in ("0", "x", "9223372036854775808", "999999999"):
        yield get(f"{PATH}/{record_id}")
    for name, value in (
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "many"),
        ("status", "gone"),
        ("cursor", "x"),
        ("colour", "red"),
    ):
        yield get(**{name: value})
    yield post({})
    for wrong in (
        {"title": ""},
        {"title": " "},
        {"title": 5},
        {"title": "x" * 501},
        {"expiry_date": "2031-01-01T00:00:00"},
        {"expiry_date": "tomorrow"},
        {"colour": "red"},
    ):
        yield post(NEW | wrong)


def _content(program: Program, event: Event) -> tuple[int, Any]:
    """Status and JSON, without differences that do not matter: cursors and fractions of seconds."""
    answer = program.ask(do="answer", event=event)
    content = json.loads(answer["body"])
    if "next" in content:
        content["next"] = content["next"] is not None
    for record in content.get("items", [content]):
        for name in ("created_at", "expiry_date"):
            record[name] = datetime.fromisoformat(record[name])
    return answer["statusCode"], content


def _refusal(program: Program, event: Event) -> tuple[int, set[str]]:
    """Status and the named fields; the texts may differ."""
    answer = program.ask(do="answer", event=event)
    return answer["statusCode"], {error["field"] for error in json.loads(answer["body"]).get("errors", ())}


def _pages(program: Program) -> list[int]:
    """Ids of the records on the first three pages."""
    found: list[int] = []
    query: dict[str, str] = {}
    for _ in range(3):
        page = json.loads(program.ask(do="answer", event=get(**query))["body"])
        found += [record["id"] for record in page["items"]]
        query = {"cursor": page["next"]}
    return found


def _created(program: Program) -> tuple[int, Any]:
    status, record = _content(program, EVENTS["create"])
    _, again = _content(program, get(f"{PATH}/{record['id']}"))
    assert record == again, f"{record} was created and {again} read"
    del record["created_at"]
    return status, record
