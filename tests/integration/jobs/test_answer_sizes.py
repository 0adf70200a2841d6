"""No answer of the API is larger than Lambda passes on, whatever a run left behind."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs_api.app import handler
from slowmatch.db import Connection
from slowmatch.http import api
from tests.conftest import request_context
from tests.integration.jobs.runs_of_size import LAMBDA_BYTES, add_history, add_run

Get = Callable[..., tuple[int, Any]]
HARD_TO_ESCAPE = ["x" * 32_000, '"' * 32_000, "\x01" * 32_000, "\\" * 32_000, "€" * 32_000]


@pytest.fixture
def get(lambda_context: Any) -> Get:
    """GET; an answer that Lambda would refuse fails the test."""

    def get(path: str, method: str = "GET", **query: Any) -> tuple[int, Any]:
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "&".join(f"{name}={value}" for name, value in query.items()),
            "queryStringParameters": {name: str(value) for name, value in query.items()},
            "headers": {},
            "requestContext": request_context(method, path),
            "isBase64Encoded": False,
        }
        answer = handler(event, lambda_context)
        assert len(json.dumps(answer, ensure_ascii=False).encode()) < LAMBDA_BYTES
        return answer["statusCode"], json.loads(answer["body"])

    return get


def all_items(get: Get, path: str, limit: int = 200) -> Iterator[dict[str, Any]]:
    query: dict[str, Any] = {"limit": limit}
    while True:
        page = get(path, **query)[1]
        yield from page["items"]
        if page["next"] is None:
            return
        query["cursor"] = page["next"]


@pytest.mark.parametrize("size", [1_200_000, 6_600_000])
def test_a_run_with_a_huge_result_is_listed_and_read(get: Get, con: Connection, size: int) -> None:
    result = {"rows": ["wide " * 20] * (size // 104)}
    run_id = add_run(con, result)
    status, page = get("/api/runs")
    assert status == 200 and [run["id"] for run in page["items"]] == [run_id]
    assert "result" not in page["items"][0]
    status, run = get(f"/api/runs/{run_id}")
    assert (status, run["result"], run["cut"]) == (200, None, {"result": len(json.dumps(result))})


def test_a_result_that_was_cut_is_read_in_pieces(get: Get, con: Connection) -> None:
    result = {"quotes": '"\\' * 600_000}
    run_id = add_run(con, result)
    text = ""
    query: dict[str, str] = {}
    while True:
        page = get(f"/api/runs/{run_id}/json/result", **query)[1]
        text += page["text"]
        if page["next"] is None:
            break
        query = {"cursor": page["next"]}
    assert json.loads(text) == result


def test_a_payload_that_is_too_large_says_its_size(get: Get, con: Connection) -> None:
    run_id = add_run(con, payload={"recipients": ["a@example.com"] * 20_000})
    run = get(f"/api/runs/{run_id}")[1]
    assert run["payload"] is None and run["cut"]["payload"] > 300_000
    assert get(f"/api/runs/{run_id}/json/payload")[1]["text"].startswith('{"recipients": ["a@example.com", ')


def test_what_is_within_the_limit_is_whole(get: Get, con: Connection) -> None:
    run_id = add_run(con, {"text": '"' * 130_000}, payload={"batch_size": 3})
    run = get(f"/api/runs/{run_id}")[1]
    assert run["result"] == {"text": '"' * 130_000}
    assert (run["payload"], run["cut"]) == ({"batch_size": 3}, {})
    assert get(f"/api/runs/{run_id}/json/payload")[1] == {"text": '{"batch_size": 3}', "next": None}


def test_an_action_on_a_run_with_a_huge_result_answers(get: Get, con: Connection) -> None:
    run_id = add_run(con, "x" * 6_600_000)
    assert get(f"/api/runs/{run_id}/delete", "POST")[0] == 409
    assert get(f"/api/runs/{run_id}/requeue", "POST")[0] == 202


@pytest.mark.parametrize("text", HARD_TO_ESCAPE)
def test_long_errors_are_shortened_in_lists(get: Get, con: Connection, text: str) -> None:
    for _ in range(200):
        add_run(con, error=text[:8_000])
    status, page = get("/api/runs", limit=200)
    assert status == 200 and len(page["items"]) == 200
    assert page["items"][0]["error"] == text[:999] + "…"
    assert get(f"/api/runs/{page['items'][0]['id']}")[1]["error"] == text[:8_000]


@pytest.mark.parametrize("text", HARD_TO_ESCAPE)
def test_a_long_history_is_cut_to_its_end_and_says_so(get: Get, con: Connection, text: str) -> None:
    run_id = add_run(con, "x" * 200_000)
    add_history(con, run_id, attempts=1_000, events=3_000, lines=3_000, text=text)
    status, run = get(f"/api/runs/{run_id}")
    assert status == 200
    for name, count in (("attempts", 1_000), ("events", 3_000), ("log", 3_000)):
        assert run[name] and len(run[name]) + run[f"{name}_earlier"] == count
    assert run["attempts"][-1]["number"] == 1_000
    assert run["log"][-1]["message"].startswith("3000 ")


def test_short_histories_are_whole(get: Get, con: Connection) -> None:
    run_id = add_run(con)
    add_history(con, run_id, attempts=11, events=30, lines=900, text="short")
    run = get(f"/api/runs/{run_id}")[1]
    assert [len(run[name]) for name in ("attempts", "events", "log")] == [11, 30, 900]
    assert [run[f"{name}_earlier"] for name in ("attempts", "events", "log")] == [0, 0, 0]


def test_what_a_long_history_leaves_out_is_read_page_by_page(get: Get, con: Connection) -> None:
    run_id = add_run(con)
    add_history(con, run_id, attempts=120, events=450, lines=700, text='"' * 32_000)
    attempts = list(all_items(get, f"/api/runs/{run_id}/attempts"))
    assert [attempt["number"] for attempt in attempts] == list(range(1, 121))
    assert len(list(all_items(get, f"/api/runs/{run_id}/events", limit=7))) == 450
    lines = [line["message"].partition(" ")[0] for line in all_items(get, f"/api/runs/{run_id}/log")]
    assert lines == [str(number) for number in range(1, 701)]


@pytest.mark.parametrize("part", ["attempts", "events", "log", "json/result"])
def test_parts_of_an_unknown_run_are_not_found(get: Get, con: Connection, part: str) -> None:
    path = f"/api/runs/0190a7e0-0000-7000-8000-000000000000/{part}"
    assert get(path)[0] == 404
    assert get(path, cursor="rubbish")[0] == 422


def test_only_payload_and_result_are_read_in_pieces(get: Get, con: Connection) -> None:
    run_id = add_run(con)
    assert get(f"/api/runs/{run_id}/json/cursor")[0] == 422


def test_an_answer_that_is_too_large_all_the_same_is_a_problem(
    get: Get, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_RESPONSE_BYTES", 100)
    status, problem = get("/api/stats")
    assert (status, problem["title"]) == (500, "Response too large")
    assert "request less" in problem["detail"]
