"""What a newcomer does by hand, against the running stack."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.stack.conftest import LEASE_SECONDS
from tests.support.stack_process import Stack, kill, until

PAST = "2026-01-01T00:00:00Z"


def add(stack: Stack, title: str, expiry_date: str) -> dict[str, Any]:
    status, record = stack.call("POST", "/api/records", {"title": title, "expiry_date": expiry_date})
    assert status == 201, record
    return dict(record)


def all_records(stack: Stack) -> list[dict[str, Any]]:
    """All records, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = stack.get(f"/api/records?limit=200{cursor}")
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


@pytest.fixture
def mailbox(stack: Stack) -> Any:
    """The outbox, empty and in order at the beginning and at the end."""

    def mode(name: str) -> None:
        assert stack.call("PUT", "/outbox/mode", {"mode": name})[0] < 300

    mode("accept")
    stack.call("DELETE", "/outbox")
    yield mode
    mode("accept")


def test_a_record_is_made_read_changed_and_deleted(stack: Stack) -> None:
    record = add(stack, "Ünïcode 🎇 'quoted'; DROP TABLE record", "2027-01-01T12:00:00+02:00")
    path = f"/api/records/{record['id']}"
    assert stack.get(path)["expiry_date"] == "2027-01-01T10:00:00Z"
    assert stack.call("PATCH", path, {"title": "other"})[1]["title"] == "other"
    assert stack.call("DELETE", path)[0] == 204
    assert stack.call("GET", path)[0] == 404


def test_a_record_expires_by_the_hourly_job_and_only_old_ones_are_removed(stack: Stack) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    old, recent = add(stack, "old", PAST), add(stack, "recent", yesterday)
    future = add(stack, "future", "2030-01-01T00:00:00Z")
    run = stack.wait(stack.trigger("record-expiry")["id"], "succeeded")
    assert run["result"]["expired"] >= 2
    assert stack.get(f"/api/records/{recent['id']}")["is_expired"]
    assert not stack.get(f"/api/records/{future['id']}")["is_expired"]
    dry = stack.wait(stack.trigger("db-cleanup", payload={"dry_run": True})["id"], "succeeded")
    assert dry["result"]["would_delete"] >= 1 and stack.get(f"/api/records/{old['id']}")
    stack.wait(stack.trigger("db-cleanup")["id"], "succeeded")
    assert stack.call("GET", f"/api/records/{old['id']}")[0] == 404
    assert stack.get(f"/api/records/{recent['id']}")


def test_the_summary_arrives_once_with_the_three_numbers(stack: Stack, mailbox: Any) -> None:
    add(stack, "of today", datetime.now(UTC).isoformat())
    records, now = all_records(stack), datetime.now(UTC)
    created, expired = (
        sum(
            timedelta(0) <= now - datetime.fromisoformat(record[name]) < timedelta(days=1)
            for record in records
        )
        for name in ("created_at", "expiry_date")
    )
    run = stack.wait(stack.trigger("daily-summary", payload={"resend": True})["id"], "succeeded")
    assert run["result"]["sent"] == ["you@example.com"]
    (mail,) = until(lambda: stack.get("/outbox.json"), bool)
    for words, number in (("in total", len(records)), ("Created", created), ("Expired", expired)):
        assert re.search(rf"{words}.* {number:,}\r?\n", mail["text"]), mail["text"]
        assert f"{number:,}" in mail["html"]
    stack.wait(stack.trigger("daily-summary")["id"], "succeeded")
    sent = len(stack.get("/outbox.json"))
    again = stack.wait(stack.trigger("daily-summary")["id"], "succeeded")
    assert again["result"]["already_sent"] == ["you@example.com"]
    assert len(stack.get("/outbox.json")) == sent


def test_a_failing_mail_server_leads_to_retries_and_one_mail_when_it_is_back(
    stack: Stack, mailbox: Any
) -> None:
    mailbox("refuse")
    run_id = stack.trigger("daily-summary", payload={"resend": True})["id"]
    run = stack.wait(run_id, "scheduled")
    due, ended = (datetime.fromisoformat(text) for text in (run["due_at"], run["attempts"][0]["finished_at"]))
    assert run["failures"] == 1 and 14 < (due - ended).total_seconds() <= 45
    mailbox("accept")
    assert stack.call("POST", f"/api/runs/{run_id}/run-now")[0] == 202
    run = stack.wait(run_id, "succeeded")
    assert [attempt["outcome"] for attempt in run["attempts"]] == ["failed", "succeeded"]
    assert len(stack.get("/outbox.json")) == 1


def test_a_refused_recipient_fails_at_once(stack: Stack, mailbox: Any) -> None:
    mailbox("reject-recipient")
    run = stack.wait(stack.trigger("daily-summary", payload={"resend": True})["id"], "failed")
    assert run["attempt"] == 1 and "you@example.com" in run["error"]


def test_a_delayed_run_starts_on_time(stack: Stack) -> None:
    run_id = stack.trigger("db-cleanup", delay_seconds=3, payload={"dry_run": True})["id"]
    run = stack.wait(run_id, "succeeded")
    late = datetime.fromisoformat(run["started_at"]) - datetime.fromisoformat(run["due_at"])
    assert timedelta(seconds=-1) <= late <= timedelta(seconds=2)


def test_a_deleted_waiting_run_never_starts(stack: Stack) -> None:
    run_id = stack.trigger("db-cleanup", delay_seconds=1)["id"]
    assert stack.call("POST", f"/api/runs/{run_id}/delete")[0] == 202
    stack.wait(stack.trigger("db-cleanup", delay_seconds=2, payload={"dry_run": True})["id"], "succeeded")
    run = stack.run(run_id)
    assert run["state"] == "deleted" and run["attempts"] == []


def test_a_function_process_killed_in_the_middle_ends_with_the_run_finished(
    stack: Stack, mailbox: Any
) -> None:
    mailbox("stall")
    run_id = stack.trigger("daily-summary", payload={"resend": True})["id"]
    stack.wait(run_id, "processing")
    for pid in stack.processes("DailySummaryFunction"):
        kill(pid)
    mailbox("accept")
    until(stack.dispatch, lambda done: done["lost"] == 1, LEASE_SECONDS + 20)
    stack.call("POST", f"/api/runs/{run_id}/run-now")
    run = stack.wait(run_id, "succeeded")
    assert [attempt["outcome"] for attempt in run["attempts"]] == ["lost", "succeeded"]
    assert len(stack.get("/outbox.json")) == 1


def test_a_scheduled_occurrence_is_answered_once(stack: Stack) -> None:
    body = json.dumps({"job": "db-cleanup", "occurrence": "2026-11-01T02:00:00Z"})
    url = stack.sqs().get_queue_url(QueueName="slowmatch-db-cleanup")["QueueUrl"]
    for _ in range(3):
        stack.sqs().send_message(QueueUrl=url, MessageBody=body)
    (run,) = until(lambda: stack.get("/api/runs?trigger=schedule&job=db-cleanup")["items"], bool)
    assert run["occurrence"] == "2026-11-01T02:00:00Z"


def test_direct_invocation_returns_the_run(stack: Stack) -> None:
    run = stack.invoke("RecordExpiryFunction", {})
    assert run["state"] == "succeeded" and run["trigger"] == "direct"
    assert "errorMessage" in stack.invoke("RecordExpiryFunction", {"no": "shape"})


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/api/records",
            "/api/records/0",
            "/api/runs",
            "/api/runs?state=x",
            "/api/jobs",
            "/api/jobs/db-cleanup",
        ),
        *("/api/stats", "/api/health", "/api/nothing", "/outbox.json", "/outbox/nothing", "/local/state"),
    ],
)
def test_json_has_one_form(stack: Stack, path: str) -> None:
    add(stack, "ü : ,", "2030-01-01T00:00:00Z")
    _, headers, text = stack.page(path)
    assert "json" in headers["Content-Type"]
    assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n"
    assert '+00:00"' not in text


def test_a_run_and_its_parts_have_the_form_of_all_answers(stack: Stack) -> None:
    run_id = stack.wait(stack.trigger("record-expiry")["id"], "succeeded")["id"]
    for part in ("", "/attempts", "/events", "/log", "/json/result"):
        _, _, text = stack.page(f"/api/runs/{run_id}{part}")
        assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n"
        assert '+00:00"' not in text


def test_the_health_check_is_content(stack: Stack) -> None:
    stack.dispatch()
    assert stack.get("/api/health")["ok"]


def test_a_wrong_password_is_one_clear_line_in_the_log(stack: Stack) -> None:
    secrets = stack.aws("secretsmanager")
    name = "slowmatch/database"
    right = secrets.get_secret_value(SecretId=name)["SecretString"]
    wrong = json.dumps(json.loads(right) | {"password": "wrong"})
    secrets.put_secret_value(SecretId=name, SecretString=wrong)
    try:
        for pid in stack.processes("RecordsApiFunction"):
            kill(pid)
        _, problem = until(lambda: stack.call("GET", "/api/records"), lambda answer: answer[0] == 503)
        assert problem["title"] == "Service unavailable"
        log = (stack.data / "logs" / "records_api.log").read_text()
        assert "the database refused the password in the secret DB_SECRET_ARN" in log
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=right)
    assert until(lambda: stack.call("GET", "/api/records"), lambda answer: answer[0] == 200)
