"""The dispatcher sends what is due, rescues what is lost, reports what is missing, keeps house."""

from datetime import timedelta
from typing import Any

import pytest

from dispatcher.app import handler as dispatcher
from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.dispatcher import redelivery, rescuer, retention
from slowmatch.jobs.lifecycle import actions, pause
from slowmatch.jobs.lifecycle.enqueue import run_again
from slowmatch.settings import Settings
from tests.integration.jobs.conftest import Queues, Work
from tests.support.handlers import refuse
from tests.support.runs import put_runs


def test_a_run_due_later_is_sent_when_its_time_comes_near(con: Connection, queues: Queues) -> None:
    enqueue(con, "record-expiry", due_at=con.now() + timedelta(hours=1))
    assert redelivery.send_due(con, con.now()) == 0
    assert redelivery.send_due(con, con.now() + timedelta(minutes=50)) == 1
    assert redelivery.send_due(con, con.now() + timedelta(minutes=62)) == 0


def test_a_run_whose_message_was_lost_is_sent_again(con: Connection, queues: Queues) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    queues.take()
    assert redelivery.send_due(con, con.now() + timedelta(minutes=9)) == 0
    assert redelivery.send_due(con, con.now() + timedelta(minutes=11)) == 1
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]
    assert redelivery.send_due(con, con.now() + timedelta(minutes=11)) == 0


def test_what_was_scheduled_and_is_due_is_enqueued_by_the_dispatcher(con: Connection, work: Work) -> None:
    run_id = enqueue(con, "record-expiry", due_at=con.now() + timedelta(hours=1)).run_id
    redelivery.send_due(con, con.now() + timedelta(minutes=50))
    assert work.run().state == "scheduled" and len(work.events(run_id)) == 1
    redelivery.send_due(con, con.now() + timedelta(minutes=90))
    assert work.run().state == "enqueued"
    assert work.events(run_id)[1:] == [["scheduled", "enqueued", "due", "dispatcher"]]
    redelivery.send_due(con, con.now() + timedelta(minutes=110))
    assert len(work.events(run_id)) == 2


def test_a_backlog_is_sent_by_due_time_up_to_a_limit(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "MESSAGES_PER_ROUND", 2)
    made = [enqueue(con, "record-expiry").run_id for _ in range(5)]
    queues.take()
    now = con.now() + timedelta(minutes=11)
    assert redelivery.send_due(con, now) == 5
    assert [message["run_id"] for message in queues.take()] == made
    monkeypatch.setattr(redelivery, "MAX_MESSAGES_PER_PASS", 4)
    assert redelivery.send_due(con, now + timedelta(minutes=11)) == 4


def test_all_is_sent_again_when_that_is_asked_for(
    con: Connection, queues: Queues, lambda_context: Any
) -> None:
    enqueue(con, "record-expiry")
    enqueue(con, "record-expiry", due_at=con.now() + timedelta(minutes=5))
    assert dispatcher({}, lambda_context)["sent"] == 0
    assert dispatcher({"payload": {"resend": True}}, lambda_context)["sent"] == 2


def test_a_run_enqueued_in_a_transaction_exists_only_with_it(con: Connection, queues: Queues) -> None:
    with pytest.raises(RuntimeError), con.transaction():
        enqueue(con, "record-expiry")
        raise RuntimeError
    assert con.query("SELECT count(*) FROM job_run") == [[0]] and queues.take() == []
    with con.transaction():
        run_id = enqueue(con, "record-expiry").run_id
        assert queues.take() == []
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]


def test_a_lost_attempt_is_retried(
    con: Connection, work: Work, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    work.be_killed()
    run = work.run()
    over = run.lease_until
    assert over and run.state == "processing" and rescuer.rescue(con, over + timedelta(seconds=5)) == 0
    assert rescuer.rescue(con, over + timedelta(seconds=5, milliseconds=1)) == 1
    run = work.run()
    assert (run.state, run.failures) == ("scheduled", 1) and run.error and run.error.startswith("Lost")
    assert work.attempts(run.id) == [[1, "lost", "Lost"]] and queues.delayed() == 1
    assert "retry 1 of 10 in" in work.events(run.id)[-1][2]
    assert '"AttemptLost"' in capsys.readouterr().out


def test_the_last_attempt_lost_is_a_failed_run(con: Connection, work: Work) -> None:
    work.be_killed()
    con.query(
        """
        UPDATE job_run SET failures = max_attempts - 1, lease_until = created_at - interval '1 minute',
               error = 'RuntimeError: the disk is full'
        """
    )
    due_at = work.run().due_at
    rescuer.rescue(con, con.now())
    run = work.run()
    assert (run.state, run.due_at) == ("failed", due_at) and run.error and run.error.startswith("Lost")


def test_runs_are_purged_past_their_retention_and_failed_ones_later(
    con: Connection, work: Work, environment: Settings
) -> None:
    work.handler = lambda context: context.logger.info("done")
    work.start_occurrence()
    run_again(con, work.run(), {}, trigger="console", actor="ann")
    actions.change(con, "delete", ids=[work.runs()[-1].id], actor="ann")
    work.handler = refuse
    work.start_occurrence("2026-11-24T03:00:00Z")
    purged = [
        retention.purge_runs(con, con.now() + timedelta(days=days), settings=environment)
        for days in (29, 31, 89, 91)
    ]
    assert purged == [0, 2, 0, 1]
    for table in ("job_event", "job_attempt", "job_log", "job_rerun"):
        assert con.query(f"SELECT count(*) FROM {table}") == [[0]], table


def test_figures_are_kept_for_more_than_a_year(con: Connection, environment: Settings) -> None:
    now = con.now()
    for days in (91, 399, 401):
        at = now - timedelta(days=days)
        pause.pause(con, "db-cleanup", "ann", None, now=at)
        for row in (
            "job_hour (job, hour) VALUES ('db-cleanup', :at)",
            "job_hour_error VALUES ('db-cleanup', :at, 'OSError', 1, gen_random_uuid(), :at)",
            "record_hour (hour) VALUES (:at)",
            "job_schedule_event (at, name, job, action, actor) VALUES (:at, 'n', 'db-cleanup', 'deleted', 'ann')",
            "failure_event (at, job, action, actor) VALUES (:at, 'db-cleanup', 'unmuted', 'ann')",
            "job_missed (job, occurrence, noticed_at) VALUES ('db-cleanup', :at, :at)",
            "notification (at, event, key) VALUES (:at, 'missed', gen_random_uuid()::text)",
            "mail_outbox (kind, day, recipient, created_at) VALUES ('x', :at::timestamptz::date, 'a@b.c', :at)",
        ):
            con.query(f"INSERT INTO {row}", at=at)
    retention.purge_history(con, now, settings=environment)
    figures = ("job_hour", "job_hour_error", "record_hour")
    for table in ("schedule_event", "job_schedule_event", "failure_event", *figures):
        assert con.query(f"SELECT count(*) FROM {table}") == [[2]], table
    for table in ("mail_outbox", "job_missed", "notification"):
        assert con.query(f"SELECT count(*) FROM {table}") == [[0]], table


def test_what_outlived_its_run_is_purged(con: Connection, work: Work, environment: Settings) -> None:
    work.handler = lambda context: context.logger.info("done")
    for occurrence in ("2026-11-24T02:00:00Z", "2026-11-24T03:00:00Z"):
        work.start_occurrence(occurrence)
    first, second = work.runs()
    con.query("DELETE FROM job_run WHERE id = :id::uuid", id=first.id)
    assert retention.purge_history(con, con.now(), settings=environment) > 0
    for table in ("job_event", "job_attempt", "job_log"):
        assert con.query(f"SELECT DISTINCT run_id::text FROM {table}") == [[second.id]], table


def test_all_that_is_old_is_purged_however_much(con: Connection, environment: Settings) -> None:
    put_runs(con, "db-cleanup", 1001, state="deleted", age=timedelta(days=31))
    assert retention.purge_runs(con, con.now(), settings=environment) == 1001


def test_old_history_of_records_is_purged(con: Connection, lambda_context: Any) -> None:
    for days in (89, 91):
        con.query(
            "INSERT INTO record_event (at, action, actor) VALUES (:at, 'created', 'ann')",
            at=con.now() - timedelta(days=days),
        )
    dispatcher({}, lambda_context)
    assert con.query("SELECT count(*) FROM record_event") == [[1]]
