"""Many runs in one statement, all or none, and their messages after the commit."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped, unused-ignore]

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.jobs import PayloadsError, enqueue_many
from slowmatch.jobs.lifecycle.enqueue import MAX_RUNS_AT_ONCE, Enqueued, KeyReused
from tests.integration.jobs.conftest import Call, Queues, until_waited_for

JOB = "record-expiry"


def payloads(number: int) -> list[dict[str, Any]]:
    return [{"batch_size": size} for size in range(1, number + 1)]


def test_each_payload_becomes_a_run_with_a_message(con: Connection, queues: Queues) -> None:
    made = enqueue_many(con, JOB, payloads(95), actor="ann")
    rows = con.query("SELECT id::text, payload, triggered_by FROM job_run ORDER BY id")
    assert rows == [[each.run_id, payload, "ann"] for each, payload in zip(made, payloads(95), strict=True)]
    assert {each["run_id"] for each in queues.take_all(JOB)} == {each.run_id for each in made}
    assert con.query("SELECT count(*) FROM job_event WHERE to_state = 'enqueued'") == [[95]]


def test_a_payload_that_is_refused_creates_nothing(con: Connection, queues: Queues) -> None:
    with pytest.raises(PayloadsError, match=r"payload 1: batch_size: must be a whole number") as refused:
        enqueue_many(con, JOB, [{}, {"batch_size": "many"}])
    assert (refused.value.index, refused.value.error.field) == (1, "batch_size")
    assert con.query("SELECT count(*) FROM job_run") == [[0]]


def test_a_key_that_was_used_returns_its_run(con: Connection, queues: Queues) -> None:
    (first,) = enqueue_many(con, JOB, payloads(1), idempotency_keys=["a"])
    again, new = enqueue_many(con, JOB, payloads(2), idempotency_keys=["a", "b"])
    assert (again.run_id, again.created, new.created) == (first.run_id, False, True)
    with pytest.raises(KeyReused):
        enqueue_many(con, JOB, [{}], idempotency_keys=["a"])


@pytest.mark.parametrize("keys", [["new", "used"], ["a", "a"]], ids=["used before", "twice"])
def test_a_key_of_another_request_creates_nothing(con: Connection, queues: Queues, keys: list[str]) -> None:
    enqueue_many(con, JOB, payloads(1), idempotency_keys=["used"])
    queues.take_all(JOB)
    with pytest.raises(KeyReused, match=f"'{keys[1]}' was already used for a different request"):
        enqueue_many(con, JOB, [{"batch_size": 8}, {"batch_size": 9}], idempotency_keys=keys)
    assert con.query("SELECT idempotency_key FROM job_run") == [["used"]]
    assert queues.take_all(JOB) == []


def test_a_caller_who_catches_a_used_key_has_created_nothing(con: Connection, queues: Queues) -> None:
    enqueue_many(con, JOB, payloads(1), idempotency_keys=["used"])
    queues.take_all(JOB)
    with con.transaction():
        enqueue_many(con, JOB, payloads(1), idempotency_keys=["before"])
        with pytest.raises(KeyReused):
            enqueue_many(con, JOB, [{}, {}], idempotency_keys=["new", "used"])
        enqueue_many(con, JOB, payloads(1), idempotency_keys=["after"])
    kept = con.query("SELECT id::text, idempotency_key FROM job_run ORDER BY id")
    assert [key for _, key in kept] == ["used", "before", "after"]
    assert {each["run_id"] for each in queues.take_all(JOB)} == {run_id for run_id, _ in kept[1:]}


def test_lists_with_the_same_keys_in_another_order_wait_for_each_other(
    con: Connection, other: Connection, queues: Queues
) -> None:
    """And do not end in a deadlock."""

    def repeat() -> list[Enqueued]:
        return enqueue_many(other, JOB, [{}, {}], idempotency_keys=["b", "a"])

    with ThreadPoolExecutor(1) as pool:
        with con.transaction():
            (first,) = enqueue_many(con, JOB, [{}], idempotency_keys=["a"])
            repeated = pool.submit(repeat)
            until_waited_for(con, repeated)
            (second,) = enqueue_many(con, JOB, [{}], idempotency_keys=["b"])
        assert [each.run_id for each in repeated.result()] == [second.run_id, first.run_id]


def test_one_statement_finds_the_runs_of_all_keys(
    con: Connection, queues: Queues, statements: list[str]
) -> None:
    keys = [f'{number} "{{,}}\\ NULL' for number in range(300)]
    first = enqueue_many(con, JOB, payloads(300), idempotency_keys=keys)
    statements.clear()
    again = enqueue_many(con, JOB, payloads(300), idempotency_keys=keys)
    assert [each.run_id for each in again] == [each.run_id for each in first]
    assert len(statements) == 2  # one that creates, one that looks


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "k" * 256], ids=repr)
def test_a_key_that_cannot_be_kept_is_refused_with_its_index(con: Connection, key: str) -> None:
    with pytest.raises(ValueError, match=r"idempotency_keys\[1\] is .+: must (have|not contain) "):
        enqueue_many(con, JOB, payloads(2), idempotency_keys=["k" * 255, key])
    assert con.query("SELECT count(*) FROM job_run") == [[0]]


def test_messages_follow_the_commit(con: Connection, queues: Queues) -> None:
    with con.transaction():
        enqueue_many(con, JOB, payloads(20))
        assert queues.take_all(JOB) == []
    assert len(queues.take_all(JOB)) == 20


def test_what_the_queue_refuses_is_left_to_the_dispatcher(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "Throttled", "Message": "slow down"}}, "SendMessageBatch")

    monkeypatch.setattr(sqs.client(), "send_message_batch", refuse)
    enqueue_many(con, JOB, payloads(35))
    assert con.query("SELECT count(*) FROM job_run WHERE message_at IS NULL") == [[35]]


def test_runs_may_be_due_later(con: Connection, queues: Queues) -> None:
    enqueue_many(con, JOB, payloads(2), con.now() + timedelta(hours=1))
    assert con.query("SELECT state, message_at FROM job_run") == [["scheduled", None]] * 2


def test_none_are_created_of_none(con: Connection) -> None:
    assert enqueue_many(con, JOB, []) == []


def test_too_many_payloads_are_refused(con: Connection) -> None:
    with pytest.raises(ValueError, match="there are 10,001 payloads; at most 10,000 are allowed at once"):
        enqueue_many(con, JOB, [{}] * (MAX_RUNS_AT_ONCE + 1))


def test_payloads_that_are_too_large_together_are_refused(con: Connection) -> None:
    large = {"recipients": ["you@example.com"] * 10_000}
    with pytest.raises(
        ValueError, match=r"the payloads are [\d,]+ bytes as JSON; at most 16,777,216 are allowed"
    ):
        enqueue_many(con, "daily-summary", [large] * 100)


def test_the_api_creates_a_run_of_each_payload(call: Call, con: Connection) -> None:
    status, answer = call("POST", f"/api/jobs/{JOB}/runs", {"payloads": payloads(3)})
    assert status == 202
    created = con.query("SELECT id::text FROM job_run ORDER BY id")
    assert [[run_id] for run_id in answer["run_ids"]] == created and len(created) == 3


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"payloads": [{}, {"batch_size": "x"}]}, "payloads.1.batch_size", "must be a whole number"),
        ({"payloads": [{}, {"size": 1}]}, "payloads.1.size", "is not a field of record-expiry"),
        ({"payloads": []}, "payloads", "at least 1 item"),
        ({"payloads": [{}] * 1001}, "payloads", "at most 1000 items"),
        ({"payloads": [{}, 7]}, "payloads.1", "must be a JSON object"),
        ({"payloads": [{}], "payload": {"batch_size": 1}}, "body", "must not have both payload and payloads"),
    ],
)
def test_the_api_names_the_payload_it_refuses(
    call: Call, con: Connection, body: dict[str, Any], field: str, message: str
) -> None:
    status, problem = call("POST", f"/api/jobs/{JOB}/runs", body)
    assert status == 422 and con.query("SELECT count(*) FROM job_run") == [[0]]
    assert field in problem["errors"][0]["field"] and message in problem["errors"][0]["message"]


def test_a_repeated_request_answers_with_the_runs_of_the_first(call: Call, con: Connection) -> None:
    request = ("POST", f"/api/jobs/{JOB}/runs", {"payloads": payloads(3), "delay_seconds": 5})
    first, again = (call(*request, idempotency_key="k" * 200) for _ in range(2))
    assert first[0] == 202 and again == first
    assert con.query("SELECT count(*) FROM job_run") == [[3]]


@pytest.mark.parametrize(
    "other",
    [
        {"payloads": payloads(1)},
        {"payloads": payloads(3)},
        {"payloads": payloads(2), "delay_seconds": 5},
        {"payload": payloads(1)[0]},
    ],
    ids=["fewer", "more", "later", "one run"],
)
def test_the_key_of_a_list_refuses_any_other_request(
    call: Call, con: Connection, other: dict[str, Any]
) -> None:
    path = f"/api/jobs/{JOB}/runs"
    call("POST", path, {"payloads": payloads(2)}, idempotency_key="a")
    status, problem = call("POST", path, other, idempotency_key="a")
    assert status == 409 and "'a' was already used for a different request" in problem["detail"]
    assert con.query("SELECT count(*) FROM job_run") == [[2]]


def test_a_list_may_have_a_mebibyte(call: Call) -> None:
    path, body = f"/api/jobs/{JOB}/runs", json.dumps({"payloads": payloads(1)})
    assert call("POST", path, body + " " * (1024 * 1024 - len(body)))[0] == 202
    status, problem = call("POST", path, body + " " * (1024 * 1024 - len(body) + 1))
    assert (status, problem["detail"]) == (413, "a body may be at most 1048576 bytes")
