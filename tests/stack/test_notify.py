"""A job that fails on the running stack, and a receiver of signed notifications, each once, and a digest."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from slowmatch.notifications.webhook_signature import signature_headers
from tests.support.database_client import DatabaseClient
from tests.support.receiver import ReceivedPost, Receiver, receiving
from tests.support.stack_process import DEADLINE_SECONDS, Stack, running, start, until, without_schedules

KEY = "whsec_" + "A" * 32


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def stack(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A separate stack, because the destinations are read when it starts; no schedule starts a run meanwhile."""
    folder = tmp_path_factory.mktemp("notify")
    destinations = [
        {
            "name": "hook",
            "kind": "webhook",
            "url": receiver.url("/hook"),
            "key": KEY,
            "jobs": ["daily-summary"],
        },
        {"name": "slack", "kind": "slack", "url": receiver.url("/slack"), "events": ["recovered"]},
        {"name": "teams", "kind": "teams", "url": receiver.url("/teams"), "events": ["recovered"]},
        {"name": "wrong", "kind": "webhook", "url": receiver.url("/hidden"), "events": ["alarm"]},
    ]
    (folder / "data").mkdir()
    (folder / "data" / "notify.json").write_text(json.dumps(destinations))
    with running(folder, template=without_schedules(folder)) as stack:
        yield stack


def fail(stack: Stack) -> str:
    run_id = str(stack.trigger("daily-summary", payload={"resend": True})["id"])
    stack.wait(run_id, "failed")
    return run_id


def received(receiver: Receiver, number: int, path: str = "/hook") -> list[ReceivedPost]:
    return list(until(lambda: receiver.at(path), lambda posts: len(posts) >= number))


def database(stack: Stack) -> DatabaseClient:
    return DatabaseClient(stack.port + 1, stack.data)


def nothing_is_on_its_way(stack: Stack) -> bool:
    """Every notification is routed, and nothing that is due waits to be delivered."""
    waiting = database(stack).value(
        """
        SELECT (SELECT count(*) FROM notification WHERE routed_at IS NULL)
             + (SELECT count(*) FROM notification_delivery WHERE state = 'waiting' AND due_at <= now())
        """,
    )
    queues = {queue["name"]: queue for queue in stack.get("/local/state")["queues"]}
    queue = queues["slowmatch-notify"]
    return bool(waiting == queue["waiting"] == queue["in_flight"] == 0)


def pass_a_minute(stack: Stack) -> None:
    """Make what waits due, as if the last message had been sent a minute earlier."""
    until(lambda: nothing_is_on_its_way(stack), bool)  # a run ends before what it sends is routed
    with closing(database(stack).connect()) as con:
        con.run("UPDATE notification_series SET told_at = told_at - interval '1 minute'")
        con.run("UPDATE notification_delivery SET due_at = now(), message_at = NULL WHERE state = 'waiting'")
    stack.dispatch()


def test_failures_are_sent_once_signed_and_digested_and_then_the_recovery(
    stack: Stack, receiver: Receiver
) -> None:
    assert stack.call("PUT", "/outbox/mode", {"mode": "reject-recipient"})[0] < 300
    runs = [fail(stack)]
    (first,) = received(receiver, 1)
    topic = "arn:aws:sns:us-east-1:000000000000:slowmatch-notify"
    stack.aws("sns").publish(TopicArn=topic, Message=json.dumps({"notification": first.json["id"]}))
    until(lambda: nothing_is_on_its_way(stack), bool)
    assert received(receiver, 1) == [first] and first.json["run_id"] == runs[0]
    timestamp = int(first.headers["webhook-timestamp"])
    signed = signature_headers([KEY], first.json["id"], timestamp, first.body)
    assert signed.items() <= first.headers.items()
    assert first.json["url"] == f"{stack.address}/dashboard/failing#daily-summary"
    assert stack.page(f"/runs/{first.json['run_id']}")[0] == 200

    runs += [fail(stack) for _ in range(3)]
    pass_a_minute(stack)
    _, digest = received(receiver, 2)
    assert digest.json["count"] == 3 and digest.json["run_id"] == runs[-1]
    assert digest.json["title"].startswith("daily-summary is failing: it has failed 3 times since 20")
    assert digest.json["sequence"] > first.json["sequence"]

    assert stack.call("PUT", "/outbox/mode", {"mode": "accept"})[0] < 300
    stack.wait(stack.trigger("daily-summary", payload={"resend": True})["id"], "succeeded")
    pass_a_minute(stack)
    assert received(receiver, 3)[-1].json["event"] == "recovered"
    (slack,) = received(receiver, 1, "/slack")
    assert slack.json["blocks"][0]["text"]["text"] == "✅ daily-summary works again"
    (teams,) = received(receiver, 1, "/teams")
    assert teams.json["attachments"][0]["content"]["actions"][0]["url"].startswith(f"{stack.address}/runs/")
    until(lambda: nothing_is_on_its_way(stack), bool)
    assert len(receiver.posts) == 5
    log = (stack.data / "logs" / "notifier.log").read_text()
    assert receiver.url("") not in log and KEY not in log


def test_a_dead_letter_sends_a_notification(stack: Stack, receiver: Receiver) -> None:
    url = stack.sqs().get_queue_url(QueueName="slowmatch-daily-summary-dead")["QueueUrl"]
    stack.sqs().send_message(QueueUrl=url, MessageBody="x")
    before = len(receiver.at("/hook"))
    until(stack.dispatch, lambda _: len(receiver.at("/hook")) > before)
    assert receiver.at("/hook")[before].json["title"] == "daily-summary has 1 dead letter"


def test_a_wrong_entry_is_named_when_the_stack_starts(stack: Stack) -> None:
    shown = stack.log.read_text()
    assert "notify.json: nothing is sent to wrong: the key 'key' is missing" in shown
    assert "hidden" not in shown


def test_a_stack_without_a_readable_list_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notify.json").write_bytes(b"\xff")
    stack = start(tmp_path / "data")
    assert stack.process.wait(DEADLINE_SECONDS) == 1
    shown = stack.log.read_text()
    assert "notify.json cannot be read" in shown and "Traceback" not in shown
