"""No answer of the API is larger than Lambda passes on, whatever a run left behind."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http import api
from tests.integration.jobs.conftest import Call
from tests.integration.jobs.runs_of_size import add_history, add_run

HARD_TO_ESCAPE = ["x" * 32_000, '"' * 32_000, "\x01" * 32_000, "\\" * 32_000, "€" * 32_000]


def all_pages(call: Call, path: str) -> Iterator[dict[str, Any]]:
    query = ""
    while True:
        page = call("GET", path, query=query)[1]
        yield page
        if page["next"] is None:
            return
        query = f"cursor={page['next']}"


def all_items(call: Call, path: str) -> list[dict[str, Any]]:
    return [item for page in all_pages(call, path) for item in page["items"]]


def test_a_run_with_huge_columns_is_listed_and_read(call: Call, con: Connection) -> None:
    result, payload = {"rows": ["wide " * 20] * 63_000}, {"recipients": ["a@example.com"] * 20_000}
    run_id = add_run(con, result, payload=payload)
    status, page = call("GET", "/api/runs")
    assert status == 200 and [run["id"] for run in page["items"]] == [run_id]
    assert "result" not in page["items"][0]
    status, run = call("GET", f"/api/runs/{run_id}")
    assert (status, run["result"], run["payload"]) == (200, None, None)
    assert run["cut"] == {"result": len(json.dumps(result)), "payload": len(json.dumps(payload))}


def test_a_result_that_was_cut_is_read_in_pieces(call: Call, con: Connection) -> None:
    result = {"quotes": '"\\' * 600_000}
    run_id = add_run(con, result)
    pages = all_pages(call, f"/api/runs/{run_id}/json/result")
    assert json.loads("".join(page["text"] for page in pages)) == result


def test_what_is_within_the_limit_is_whole(call: Call, con: Connection) -> None:
    run_id = add_run(con, {"text": '"' * 130_000}, payload={"batch_size": 3})
    add_history(con, run_id, attempts=11, events=30, lines=900, text="short")
    run = call("GET", f"/api/runs/{run_id}")[1]
    assert run["result"] == {"text": '"' * 130_000}
    assert (run["payload"], run["cut"]) == ({"batch_size": 3}, {})
    assert [len(run[name]) for name in ("attempts", "events", "log")] == [11, 30, 900]
    assert [run[f"{name}_earlier"] for name in ("attempts", "events", "log")] == [0, 0, 0]
    assert call("GET", f"/api/runs/{run_id}/json/payload")[1] == {"text": '{"batch_size": 3}', "next": None}


def test_an_action_on_a_run_with_a_huge_result_answers(call: Call, con: Connection) -> None:
    run_id = add_run(con, "x" * 6_600_000)
    assert call("POST", f"/api/runs/{run_id}/delete")[0] == 409
    assert call("POST", f"/api/runs/{run_id}/requeue")[0] == 202


@pytest.mark.parametrize("text", HARD_TO_ESCAPE)
def test_long_errors_are_shortened_in_lists(call: Call, con: Connection, text: str) -> None:
    for _ in range(200):
        add_run(con, error=text[:8_000])
    status, page = call("GET", "/api/runs", query="limit=200")
    assert status == 200 and len(page["items"]) == 200
    assert page["items"][0]["error"] == text[:999] + "…"
    assert call("GET", f"/api/runs/{page['items'][0]['id']}")[1]["error"] == text[:8_000]


@pytest.mark.parametrize("text", HARD_TO_ESCAPE)
def test_a_long_history_is_cut_to_its_end_and_says_so(call: Call, con: Connection, text: str) -> None:
    run_id = add_run(con, "x" * 200_000)
    add_history(con, run_id, attempts=1_000, events=3_000, lines=3_000, text=text)
    status, run = call("GET", f"/api/runs/{run_id}")
    assert status == 200
    for name, count in (("attempts", 1_000), ("events", 3_000), ("log", 3_000)):
        assert run[name] and len(run[name]) + run[f"{name}_earlier"] == count
    assert run["attempts"][-1]["number"] == 1_000
    assert run["log"][-1]["message"].startswith("3000 ")


def test_what_a_long_history_leaves_out_is_read_page_by_page(call: Call, con: Connection) -> None:
    run_id = add_run(con)
    add_history(con, run_id, attempts=120, events=450, lines=700, text='"' * 32_000)
    attempts = all_items(call, f"/api/runs/{run_id}/attempts")
    assert [attempt["number"] for attempt in attempts] == list(range(1, 121))
    assert len(all_items(call, f"/api/runs/{run_id}/events")) == 450
    lines = [line["message"].partition(" ")[0] for line in all_items(call, f"/api/runs/{run_id}/log")]
    assert lines == [str(number) for number in range(1, 701)]


@pytest.mark.parametrize("part", ["attempts", "events", "log", "json/result"])
def test_parts_of_an_unknown_run_are_not_found(call: Call, con: Connection, part: str) -> None:
    path = f"/api/runs/0190a7e0-0000-7000-8000-000000000000/{part}"
    assert call("GET", path)[0] == 404
    assert call("GET", path, query="cursor=rubbish")[0] == 422


def test_only_payload_and_result_are_read_in_pieces(call: Call, con: Connection) -> None:
    run_id = add_run(con)
    assert call("GET", f"/api/runs/{run_id}/json/cursor")[0] == 422


def test_an_answer_that_is_still_too_large_is_a_problem(
    call: Call, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_RESPONSE_BYTES", 100)
    status, problem = call("GET", "/api/stats")
    assert (status, problem["title"]) == (500, "Response too large")
    assert "request less" in problem["detail"]
