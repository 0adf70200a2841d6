"""The main port: the HTTP API around a pretended function."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from local.event_sources import sns
from local.event_sources.gateway import Gateway
from local.lambda_runtime.invocation import Result
from local.lambda_runtime.invoke_api import InvokeApi
from local.template.model import Function, Template
from tests.support.ports import free_ports


class FakeFunctions:
    """Stands for the functions; `answer` is what they do."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self.events: list[Any] = []
        self.answer: Callable[[Any], Awaitable[Result]] = self.echo

    async def echo(self, event: Any) -> Result:
        return Result(json.dumps(event).encode())

    async def invoke(self, _: Function, payload: bytes) -> Result:
        self.events.append(json.loads(payload))
        return await self.answer(self.events[-1])

    def invoke_async(self, _: Function, payload: bytes) -> None:
        self.events.append(json.loads(payload))

    def find(self, name: str) -> Function | None:
        return self._template.function(name)


@asynccontextmanager
async def gateway(template: Template) -> AsyncIterator[tuple[aiohttp.ClientSession, Any]]:
    async def start_page(_: web.Request) -> web.Response:
        return web.Response(text="the start page")

    port, functions = free_ports(), FakeFunctions(template)
    stand_in: Any = functions
    others = [*InvokeApi(stand_in).routes(), *sns.routes(stand_in)]
    server = Gateway(port, template=template, functions=stand_in, start_page=start_page, others=others)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session, functions
    finally:
        await server.stop()


async def test_a_request_reaches_its_function_and_the_answer_comes_back(tiny: Template) -> None:
    async with gateway(tiny) as (session, functions):
        functions.answer = lambda _: _result(
            {"statusCode": 201, "headers": {"X-Made": "yes"}, "cookies": ["a=1", "b=2"], "body": "ü"}
        )
        async with session.get("/things/a%2Fb?q=1&q=2", headers={"X-A": "1"}) as answer:
            assert (answer.status, await answer.text()) == (201, "ü")
            assert answer.headers["X-Made"] == "yes"
            assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        (event,) = functions.events
        assert event["pathParameters"] == {"id": "a/b"}
        assert event["queryStringParameters"] == {"q": "1,2"}
        assert event["headers"]["x-a"] == "1"


async def test_a_line_break_may_be_part_of_an_address(tiny: Template) -> None:
    async with gateway(tiny) as (session, functions):
        functions.answer = lambda _: _result({"statusCode": 404, "body": "no such thing"})
        async with session.get(URL("/things/%0A", encoded=True)) as answer:
            assert await answer.text() == "no such thing"
        assert functions.events[0]["pathParameters"] == {"id": "\n"}


async def test_a_body_reaches_the_function_as_it_came(tiny: Template) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with gateway(tiny) as (session, functions):
        async with session.post("/open", data=b"no gzip", headers=headers) as answer:
            assert answer.status == 200
        assert functions.events[0]["body"] == "no gzip"


async def test_what_has_no_route_is_not_found(tiny: Template) -> None:
    async with gateway(tiny) as (session, functions):
        async with session.delete("/things/1") as answer:
            assert (answer.status, await answer.json()) == (404, {"message": "Not Found"})
        async with session.get("/") as answer:
            assert await answer.text() == "the start page"
        assert functions.events == []


async def test_a_function_that_fails_is_an_internal_error(tiny: Template) -> None:
    async with gateway(tiny) as (session, functions):
        functions.answer = lambda _: _result({"errorMessage": "secret"}, "Unhandled")
        async with session.get("/things/1") as answer:
            assert (answer.status, await answer.json()) == (500, {"message": "Internal Server Error"})


async def test_a_function_that_takes_too_long_is_unavailable_and_goes_on(
    tiny: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.event_sources.gateway.API_TIMEOUT_SECONDS", 0.1)
    async with gateway(tiny) as (session, functions):

        async def slow(_: Any) -> Result:
            await asyncio.sleep(10)
            return Result(b"{}")

        functions.answer = slow
        async with session.get("/things/1") as answer:
            assert (answer.status, await answer.json()) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize(
    ("size", "kind"), [(6 * 1024 * 1024 + 1, "text/plain"), (5 * 1024 * 1024, "image/png")]
)
async def test_a_body_above_six_megabytes_as_an_event_is_too_large(
    tiny: Template, size: int, kind: str
) -> None:
    async with (
        gateway(tiny) as (session, functions),
        session.post("/open", data=io.BytesIO(b"x" * size), headers={"content-type": kind}) as answer,
    ):
        assert (answer.status, await answer.json()) == (413, {"message": "Request Entity Too Large"})
        assert functions.events == []


async def test_the_invoke_api_answers_as_lambda(tiny: Template) -> None:
    path = "/2015-03-31/functions/slowmatch-TinyFunction/invocations"
    async with gateway(tiny) as (session, functions):
        async with session.post(path, data=b'{"a": 1}') as answer:
            assert (answer.status, await answer.json()) == (200, {"a": 1})
            assert "X-Amz-Function-Error" not in answer.headers
        async with session.post(path) as answer:
            assert await answer.json() == {}
        functions.answer = lambda _: _result({"errorMessage": "no"}, "Unhandled")
        async with session.post(path, data=b"{}") as answer:
            assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
        async with session.post(path, headers={"X-Amz-Invocation-Type": "Event"}) as answer:
            assert answer.status == 202
        async with session.post(path, headers={"X-Amz-Invocation-Type": "DryRun"}) as answer:
            assert answer.status == 204
        assert functions.events == [{"a": 1}, {}, {}, {}]


@pytest.mark.parametrize(
    ("name", "body", "status", "kind"),
    [
        ("Other", b"{}", 404, "ResourceNotFoundException"),
        ("TinyFunction", b"{", 400, "InvalidRequestContentException"),
    ],
)
async def test_the_invoke_api_refuses_as_lambda(
    tiny: Template, name: str, body: bytes, status: int, kind: str
) -> None:
    async with (
        gateway(tiny) as (session, _),
        session.post(f"/2015-03-31/functions/{name}/invocations", data=body) as answer,
    ):
        assert (answer.status, answer.headers["X-Amzn-ErrorType"]) == (status, kind)


@pytest.mark.parametrize(
    ("name", "body", "status", "events"),
    [
        ("TinyFunction", b'{"Type": "Notification", "Message": "m"}', 200, 1),
        ("TinyFunction", b'{"Type": "SubscriptionConfirmation"}', 200, 0),
        ("TinyFunction", b"rubbish", 400, 0),
        ("TinyFunction", b"[]", 400, 0),
        ("TinyFunction", b'{"Message": "x"}', 400, 0),
        ("Other", b'{"Type": "Notification", "Message": "m"}', 404, 0),
    ],
)
async def test_sns_deliveries_start_the_function(
    tiny: Template, name: str, body: bytes, status: int, events: int
) -> None:
    async with (
        gateway(tiny) as (session, functions),
        session.post(f"/local/sns/{name}", data=body) as answer,
    ):
        assert answer.status == status
        assert len(functions.events) == events


async def _result(document: Any, error: str | None = None) -> Result:
    return Result(json.dumps(document).encode(), error)
