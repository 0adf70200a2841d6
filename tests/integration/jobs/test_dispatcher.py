"""The dispatcher sends what is due, rescues what is lost, reports what is missing, keeps house."""

from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped, unused-ignore]

from dispatcher.app import handler as dispatcher
from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import redelivery, rescuer, retention, schedules
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from slowmatch.jobs.lifecycle import messages, pause
from slowmatch.jobs.queries import health, job_summaries
from slowmatch.records import queries as records
from slowmatch.settings import Settings
from tests.integration.jobs.conftest import Queues, Work


def test_a_run_due_later_is_sent_when_its_time_comes_near(con: Connection, queues: Queues) -> None:
    enqueue(con, "record-expiry", due_at=con.now() + timedelta(hours=1))
    assert redelivery.send_due(con, con.now()) == 0
    assert redelivery.send_due(con, con.now() + timedelta(minutes=50)) == 1
    assert redelivery.send_due(con, con.now() + timedelta(minutes=50)) == 0


def test_a_run_whose_message_was_lost_is_sent_again(con: Connection, queues: Queues) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    queues.take()
    assert redelivery.send_due(con, con.now() + timedelta(minutes=9)) == 0
    assert redelivery.send_due(con, con.now() + timedelta(minutes=11)) == 1
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]
    assert redelivery.send_due(con, con.now() + timedelta(minutes=11)) == 0


def test_a_message_that_is_on_its_way_is_not_sent_again(con: Connection, queues: Queues) -> None:
    now = con.now()
    enqueue(con, "record-expiry", due_at=now + timedelta(minutes=29))
    assert redelivery.send_due(con, now + timedelta(minutes=15)) == 1
    assert redelivery.send_due(con, now + timedelta(minutes=27)) == 0


def test_what_was_scheduled_and_is_due_is_enqueued_by_the_dispatcher(con: Connection, work: Work) -> None:
    run_id = enqueue(con, "record-expiry", due_at=con.now() + timedelta(hours=1)).run_id
    redelivery.send_due(con, con.now() + timedelta(minutes=50))
    assert work.run().state == "scheduled" and len(work.events(run_id)) == 1
    redelivery.send_due(con, con.now() + timedelta(minutes=90))
    assert work.run().state == "enqueued"
    assert work.events(run_id)[1:] == [["scheduled", "enqueued", "due", "dispatcher"]]
    redelivery.send_due(con, con.now() + timedelta(minutes=110))
    assert len(work.events(run_id)) == 2


def test_a_backlog_is_sent_in_the_order_of_its_due_times_and_up_to_a_limit(
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


def test_all_is_sent_again_when_that_is_asked_for(con: Connection, queues: Queues) -> None:
    enqueue(con, "record-expiry")
    enqueue(con, "record-expiry", due_at=con.now() + timedelta(minutes=5))
    assert redelivery.send_due(con, con.now()) == 0
    assert redelivery.send_due(con, con.now(), resend_all=True) == 2


def test_a_run_enqueued_in_a_transaction_exists_only_with_it(con: Connection, queues: Queues) -> None:
    with pytest.raises(RuntimeError), con.transaction():
        enqueue(con, "record-expiry")
        raise RuntimeError
    assert con.query("SELECT count(*) FROM job_run") == [[0]] and queues.take() == []
    with con.transaction():
        run_id = enqueue(con, "record-expiry").run_id
        assert queues.take() == []
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]


def test_a_queue_that_takes_nothing_leaves_the_run_to_the_dispatcher(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = messages.queue_url
    monkeypatch.setattr(messages, "queue_url", lambda job: real(job) + "-gone")
    monkeypatch.setattr(redelivery, "MESSAGES_PER_ROUND", 1)
    enqueue(con, "record-expiry")
    with pytest.raises(
        PartlyFailed, match="record-expiry: the queue rejects all messages: The specified queue does"
    ):
        redelivery.send_due(con, con.now())
    monkeypatch.setattr(messages, "queue_url", real)
    assert redelivery.send_due(con, con.now()) == 1


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


def test_a_missed_tick_is_reported_once(con: Connection, work: Work) -> None:
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES ('record-expiry', 'cron(0 * * * ? *)', :at)",
        at=datetime.fromisoformat("2026-11-24T00:30:00+00:00"),
    )
    work.start_occurrence("2026-11-24T02:00:00Z")
    work.spec = JOBS["db-cleanup"]
    work.start_occurrence("2026-11-24T01:00:00Z")
    now = datetime.fromisoformat("2026-11-24T03:30:00+00:00")
    assert schedules.report_missed(con, now) == 2
    assert schedules.report_missed(con, now) == 0
    rows = con.query("SELECT occurrence FROM job_missed ORDER BY 1")
    assert [at.hour for (at,) in rows] == [1, 3]


def test_no_tick_is_missed_from_before_its_schedule_was_known(con: Connection) -> None:
    known = datetime.fromisoformat("2026-11-24T02:05:00+00:00")
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES ('record-expiry', 'cron(0 * * * ? *)', :at)",
        at=known,
    )
    for minutes in (1, 11, 16):
        assert schedules.report_missed(con, known + timedelta(minutes=minutes)) == 0


def test_a_tick_while_its_rule_is_disabled_is_not_missed(con: Connection) -> None:
    con.query(
        "INSERT INTO job (name, schedule, schedule_enabled, ticks_checked_to) "
        "VALUES ('record-expiry', 'cron(0 * * * ? *)', false, :at)",
        at=datetime.fromisoformat("2026-11-24T00:30:00+00:00"),
    )
    assert schedules.report_missed(con, datetime.fromisoformat("2026-11-24T02:30:00+00:00")) == 0
    con.query("UPDATE job SET schedule_enabled = true")
    assert schedules.report_missed(con, datetime.fromisoformat("2026-11-24T03:09:59+00:00")) == 0
    assert schedules.report_missed(con, datetime.fromisoformat("2026-11-24T03:10:00+00:00")) == 1


def test_after_a_long_silence_the_last_day_is_reported(con: Connection) -> None:
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES ('record-expiry', 'cron(0 * * * ? *)', :at)",
        at=datetime.fromisoformat("2026-11-01T00:00:00+00:00"),
    )
    assert schedules.report_missed(con, datetime.fromisoformat("2026-11-24T02:30:00+00:00")) == 24


def test_the_ticks_of_a_rate_are_not_watched(con: Connection, work: Work) -> None:
    """EventBridge counts them from the making of the rule, whose minute it tells nobody."""
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES ('record-expiry', 'rate(1 hour)', :at)",
        at=datetime.fromisoformat("2026-11-24T00:30:00+00:00"),
    )
    work.start_occurrence("2026-11-24T00:37:00Z")
    work.start_occurrence("2026-11-24T01:37:00Z")
    assert schedules.report_missed(con, datetime.fromisoformat("2026-11-24T02:30:00+00:00")) == 0


def test_history_is_purged_past_its_retention(con: Connection, work: Work, environment: Settings) -> None:
    work.start_occurrence()
    assert retention.purge_runs(con, con.now() + timedelta(days=29), settings=environment) == 0
    assert retention.purge_runs(con, con.now() + timedelta(days=31), settings=environment) == 1
    assert con.query("SELECT count(*) FROM job_event") == [[0]]


def test_failed_runs_are_kept_longer(con: Connection, work: Work, environment: Settings) -> None:
    from slowmatch.jobs import Permanent

    def refuse(context: Any) -> None:
        raise Permanent("no")

    work.handler = refuse
    work.start_occurrence()
    assert retention.purge_runs(con, con.now() + timedelta(days=31), settings=environment) == 0
    assert retention.purge_runs(con, con.now() + timedelta(days=91), settings=environment) == 1


def test_figures_are_kept_for_more_than_a_year_and_sent_mail_as_long_as_failures(
    con: Connection, environment: Settings
) -> None:
    now = con.now()
    for days in (91, 399, 401):
        at = now - timedelta(days=days)
        pause.pause(con, "db-cleanup", "ann", None, now=at)
        con.query("INSERT INTO job_hour (job, hour) VALUES ('db-cleanup', :at)", at=at)
        con.query(
            """
            INSERT INTO job_hour_error (job, hour, error_type, count, last_run_id, last_at)
            VALUES ('db-cleanup', :at, 'OSError', 1, gen_random_uuid(), :at)
            """,
            at=at,
        )
        con.query("INSERT INTO record_hour (hour) VALUES (:at)", at=at)
        con.query(
            "INSERT INTO job_missed (job, occurrence, noticed_at) VALUES ('db-cleanup', :at, :at)", at=at
        )
        con.query(
            "INSERT INTO notification (at, event, key) VALUES (:at, 'missed', :key)", at=at, key=str(days)
        )
        con.query(
            "INSERT INTO mail_outbox (kind, day, recipient, created_at) VALUES ('summary', :day, 'a@b.c', :at)",
            day=at.date(),
            at=at,
        )
    retention.purge_history(con, now, settings=environment)
    for table in ("schedule_event", "job_hour", "job_hour_error", "record_hour"):
        assert con.query(f"SELECT count(*) FROM {table}") == [[2]], table
    for table in ("mail_outbox", "job_missed", "notification"):
        assert con.query(f"SELECT count(*) FROM {table}") == [[0]], table


def test_all_that_is_old_is_purged_however_much(con: Connection, environment: Settings) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at, finished_at)
        SELECT gen_random_uuid(), 'db-cleanup', 'deleted', true, 'schedule', 1, at, at, at
        FROM (SELECT now() - interval '31 days' AS at) AS old, generate_series(1, 1001)
        """
    )
    assert retention.purge_runs(con, con.now(), settings=environment) == 1001


def test_the_function_counts_records_too_and_forgets_what_is_old(
    con: Connection, queues: Queues, lambda_context: Any
) -> None:
    con.query(
        "INSERT INTO record_event (at, action, actor) VALUES (now() - interval '91 days', 'created', 'ann')"
    )
    records.create(con, "x", con.now(), "ann")
    con.query(
        "UPDATE record_event SET at = at - interval '1 second'"
    )  # by another clock than the dispatcher's
    dispatcher({}, lambda_context)
    assert con.query("SELECT sum(created) FROM record_hour") == [[1]]
    assert con.query("SELECT count(*) FROM record_event") == [[1]]


def test_the_function_does_it_all_and_leaves_a_sign_of_life(
    con: Connection, queues: Queues, lambda_context: Any
) -> None:
    schedules.events.cache_clear()
    queues.make_dead_letters()
    boto3.client("events").put_rule(Name="slowmatch-test-db-cleanup", ScheduleExpression="cron(0 2 * * ? *)")
    enqueue(con, "record-expiry")
    assert dispatcher({"payload": {"resend": True}}, lambda_context)["sent"] == 1
    done = dispatcher({}, lambda_context)
    assert (done["lost"], done["sent"], done["missed"], done["purged"], done["failed"]) == (0, 0, 0, 0, {})
    assert con.query("SELECT name FROM job WHERE schedule IS NOT NULL") == [["db-cleanup"]]
    assert con.query("SELECT done ->> 'schedules', failing FROM dispatcher_tick") == [[str(len(JOBS)), {}]]
    schedules.events.cache_clear()


def test_a_tick_that_comes_after_it_was_missed_is_missed_no_more(con: Connection, work: Work) -> None:
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES ('record-expiry', 'cron(0 * * * ? *)', :at)",
        at=datetime.fromisoformat("2026-11-24T00:30:00+00:00"),
    )
    now = datetime.fromisoformat("2026-11-24T01:30:00+00:00")
    assert schedules.report_missed(con, now) == 1
    assert {job.name: job.missed for job in job_summaries.list_jobs(con, now)}["record-expiry"] == 1
    work.start_occurrence("2026-11-24T00:00:00Z")
    assert job_summaries.checked_schedules(con)["record-expiry"].missed == [now.replace(minute=0)]
    work.start_occurrence("2026-11-24T01:00:00Z")
    assert job_summaries.checked_schedules(con)["record-expiry"].missed == []
    assert {job.name: job.missed for job in job_summaries.list_jobs(con, now)}["record-expiry"] == 0
    assert '"missed" : 0' in health.stats(con, now, 24)


def test_whether_a_job_is_scheduled_is_known_from_the_first_look_at_its_rule(
    con: Connection, aws: str
) -> None:
    rules = boto3.client("events")
    rules.put_rule(Name="slowmatch-test-db-cleanup", ScheduleExpression="cron(0 2 * * ? *)")
    jobs = ("db-cleanup", "send-test-mail")
    assert [job_summaries.summary_of(con, job, con.now()).scheduled for job in jobs] == [None, None]
    schedules.read_schedules(con, con.now(), stack="slowmatch-test")
    rules.delete_rule(Name="slowmatch-test-db-cleanup")
    assert [job_summaries.summary_of(con, job, con.now()).scheduled for job in jobs] == [True, False]
    schedules.read_schedules(con, con.now(), stack="slowmatch-test")
    assert job_summaries.summary_of(con, "db-cleanup", con.now()).scheduled is False


def test_a_pause_before_the_first_look_at_the_rule_says_nothing_about_it(con: Connection) -> None:
    pause.pause(con, "db-cleanup", "ann", None, now=con.now())
    assert job_summaries.summary_of(con, "db-cleanup", con.now()).scheduled is None


def test_a_rule_is_kept_as_it_was_last_read(
    con: Connection, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules.events.cache_clear()
    rules = boto3.client("events")
    rules.put_rule(Name="slowmatch-test-db-cleanup", ScheduleExpression="cron(0 2 * * ? *)")
    rules.disable_rule(Name="slowmatch-test-db-cleanup")
    schedules.read_schedules(con, con.now(), stack="slowmatch-test")
    kept = [["cron(0 2 * * ? *)", False]]
    assert con.query("SELECT schedule, schedule_enabled FROM job WHERE name = 'db-cleanup'") == kept

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeRule")

    monkeypatch.setattr(schedules.events(), "describe_rule", refuse)
    with pytest.raises(PartlyFailed, match="db-cleanup: ThrottlingException"):
        schedules.read_schedules(con, con.now(), stack="slowmatch-test")
    assert con.query("SELECT schedule, schedule_enabled FROM job WHERE name = 'db-cleanup'") == kept
    rules.delete_rule(Name="slowmatch-test-db-cleanup")
    schedules.events.cache_clear()


def test_a_rule_that_is_gone_or_not_understood_stops_nothing(
    con: Connection, queues: Queues, lambda_context: Any
) -> None:
    schedules.events.cache_clear()
    rules = boto3.client("events")
    rules.put_rule(Name="slowmatch-test-db-cleanup", ScheduleExpression="cron(0 2 * * ? *)")
    dispatcher({}, lambda_context)
    rules.delete_rule(Name="slowmatch-test-db-cleanup")
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES ('daily-summary', 'monthly', '2020-01-01') "
        "ON CONFLICT (name) DO UPDATE "
        "SET schedule = EXCLUDED.schedule, schedule_enabled = true, ticks_checked_to = EXCLUDED.ticks_checked_to"
    )
    assert job_summaries.list_jobs(con, con.now())[0].next == []
    assert schedules.report_missed(con, con.now()) == 0
    dispatcher({}, lambda_context)
    assert con.query("SELECT schedule FROM job WHERE name = 'db-cleanup'") == [[None]]
    schedules.events.cache_clear()
