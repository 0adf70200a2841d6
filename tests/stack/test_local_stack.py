"""The project's stack on this machine: its pages, and runs that are delayed or lost."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

from tests.support.database_client import DatabaseClient
from tests.support.stack_process import Stack, kill, until

ANSWERS = """
    /api/records /api/records/0 /api/runs /api/runs?state=x /api/jobs /api/jobs/db-cleanup /api/stats /api/health
    /api/nothing /outbox.json /local/state
""".split()
PARTS_OF_A_RUN = ("", "/attempts", "/events", "/log", "/json/result")


def test_the_console_leads_to_the_stack_s_page(stack: Stack) -> None:
    assert 'href="/local"' in stack.page("/records")[2]


def test_the_outbox_shows_each_mail(stack: Stack) -> None:
    stack.call("DELETE", "/outbox")
    stack.wait(stack.trigger("daily-summary", payload={"resend": True})["id"], "succeeded")
    (mail,) = until(lambda: stack.get("/outbox.json"))
    assert mail["id"] in stack.page("/outbox")[2]
    assert "sandbox" in stack.page(f"/outbox/{mail['id']}")[2]
    assert "<html" in stack.page(f"/outbox/{mail['id']}/html")[2].lower()
    assert stack.call("PUT", "/outbox/mode", {"mode": "rubbish"})[0] == 400
    assert stack.get("/outbox/mode") == {"mode": "accept"}


def test_a_delayed_run_does_not_start_before_its_time(stack: Stack) -> None:
    run_id = stack.trigger("db-cleanup", delay_seconds=3, payload={"dry_run": True})["id"]
    run = stack.wait(run_id, "succeeded")
    started, due = (datetime.fromisoformat(run[name]) for name in ("started_at", "due_at"))
    assert started >= due - timedelta(seconds=1)  # SQS counts whole seconds


def test_a_schedule_made_at_run_time_starts_runs(stack: Stack) -> None:
    schedule = {"job": "db-cleanup", "expression": "cron(* * * * ? *)", "time_zone": "Europe/Berlin"}
    before = datetime.now(UTC)
    assert stack.call("PUT", "/api/schedules/minutely", schedule | {"payload": {"dry_run": True}})[0] == 201
    # The API wakes the dispatcher, whose next pass may be five minutes away.
    (planned,) = until(lambda: stack.get("/local/state")["schedules"])
    assert planned["name"] == "minutely"
    # A whole minute may pass before its first time.
    (run, *_) = until(lambda: stack.get("/api/runs?job=db-cleanup&schedule=minutely")["items"], seconds=180)
    assert run["schedule"] == "minutely" and datetime.fromisoformat(run["occurrence"]) > before
    stack.call("DELETE", "/api/schedules/minutely")
    assert until(lambda: stack.get("/local/state")["schedules"], lambda left: left == []) == []


def test_a_run_whose_process_was_killed_is_finished(stack: Stack) -> None:
    stack.call("DELETE", "/outbox")
    stack.call("PUT", "/outbox/mode", {"mode": "stall"})
    run_id = stack.trigger("daily-summary", payload={"resend": True})["id"]
    stack.wait(run_id, "processing")
    for pid in stack.processes("DailySummaryFunction"):
        kill(pid)
    stack.call("PUT", "/outbox/mode", {"mode": "accept"})
    with closing(DatabaseClient(stack.port + 1, stack.data).connect()) as con:
        con.run("UPDATE job_run SET lease_until = now() - interval '1 minute' WHERE state = 'processing'")
    stack.dispatch()
    stack.wait(run_id, "scheduled")
    stack.call("POST", f"/api/runs/{run_id}/run-now")
    run = stack.wait(run_id, "succeeded")
    assert [attempt["outcome"] for attempt in run["attempts"]] == ["lost", "succeeded"]
    assert len(stack.get("/outbox.json")) == 1


def test_json_has_one_form(stack: Stack) -> None:
    stack.add_record("ü : ,", timedelta(days=9))
    run_id = stack.wait(stack.trigger("record-expiry")["id"], "succeeded")["id"]
    for path in (*ANSWERS, *(f"/api/runs/{run_id}{part}" for part in PARTS_OF_A_RUN)):
        _, headers, text = stack.page(path)
        assert "json" in headers["Content-Type"]
        assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n"
        assert '+00:00"' not in text, path


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
