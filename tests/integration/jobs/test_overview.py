"""What the dashboard shows: counts, alerts, cards, figures over time, who did what."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP, CappedCount
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import rollup
from slowmatch.jobs.lifecycle import actions, pause
from slowmatch.jobs.queries import audit_log, health, job_summaries, metrics, queue_depths, runs, warnings
from slowmatch.jobs.run_filter import RunFilter
from slowmatch.records import expiry, statistics
from slowmatch.records import queries as records
from tests.integration.jobs.conftest import Queues, Work
from tests.support.handlers import fail, refuse
from tests.support.runs import put_runs
from tests.support.schedules import put_schedule

Later = Callable[..., datetime]
HOUR = timedelta(hours=1)


def test_every_state_is_counted_and_retries_among_the_scheduled(con: Connection, work: Work) -> None:
    enqueue(con, "db-cleanup")
    enqueue(con, "db-cleanup", due_at=con.now() + HOUR)
    work.start_occurrence("2026-11-24T01:00:00Z")
    work.handler = refuse
    work.start_occurrence("2026-11-24T02:00:00Z")
    work.handler = fail
    work.start_occurrence("2026-11-24T03:00:00Z")
    assert {name: count.number for name, count in runs.counts(con).items()} == {
        "enqueued": 1,
        "scheduled": 2,
        "processing": 0,
        "succeeded": 1,
        "failed": 1,
        "deleted": 0,
        "retries": 1,
    }


def test_counts_stop_at_their_cap_with_an_estimate(con: Connection) -> None:
    put_runs(con, "db-cleanup", 3 * COUNT_CAP, state="succeeded")
    con.query("ANALYZE job_run")
    counted = runs.counts(con)
    assert counted["succeeded"] == CappedCount(COUNT_CAP, capped=True, about=3 * COUNT_CAP)
    assert counted["failed"] == CappedCount(0, capped=False)


def test_an_estimate_below_what_was_counted_is_not_said(con: Connection) -> None:
    con.query("ANALYZE job_run")
    put_runs(con, "db-cleanup", COUNT_CAP + 5, state="succeeded")
    assert runs.counts(con)["succeeded"] == CappedCount(COUNT_CAP, capped=True)
    con.query("DELETE FROM job_run WHERE id IN (SELECT id FROM job_run LIMIT 5)")
    assert runs.counts(con)["succeeded"] == CappedCount(COUNT_CAP, capped=False)


def test_what_a_bulk_action_is_about_is_counted_further(con: Connection) -> None:
    put_runs(con, "db-cleanup", COUNT_CAP + 5, state="succeeded")
    assert actions.bulk_count(con, RunFilter(), "requeue") == CappedCount(COUNT_CAP + 5, capped=False)
    capped = actions.bulk_count(con, RunFilter(), "requeue", COUNT_CAP + 4)
    assert capped == CappedCount(COUNT_CAP + 4, capped=True)


def test_nothing_is_wrong_with_nothing_but_a_dispatcher_that_never_came(con: Connection) -> None:
    found = health.facts(con, con.now())
    (problem,) = warnings.problems(found, queue_depths.Depths({}), timedelta(0), con.now())
    assert problem.kind == "dispatcher_late" and found.retrying == CappedCount(0, capped=False)


def test_failures_retries_and_pauses_are_told(con: Connection, work: Work) -> None:
    work.handler = refuse
    work.start_occurrence("2026-11-24T01:00:00Z")
    work.handler = fail
    work.start_occurrence("2026-11-24T02:00:00Z")
    pause.pause(con, "db-cleanup", "ann", "audit", now=con.now())
    found = health.facts(con, con.now())
    assert (found.failed_24h.number, found.retrying.number) == (1, 1)
    assert [(paused.job, paused.by, paused.note) for paused in found.paused_jobs] == [
        ("db-cleanup", "ann", "audit")
    ]
    assert health.facts(con, con.now() + 25 * HOUR).failed_24h.number == 0


def test_silence_is_told_when_work_waited_and_nobody_claimed(
    con: Connection, work: Work, later: Later
) -> None:
    work.start_occurrence()
    claimed = con.query("SELECT started_at FROM job_attempt")[0][0]
    enqueue(con, "record-expiry")
    assert health.facts(con, later(minutes=4)).silent_since is None
    assert health.facts(con, later(minutes=6)).silent_since == claimed


@pytest.mark.parametrize(("job", "is_silent"), [("record-expiry", False), ("db-cleanup", True)])
def test_waiting_for_a_running_exclusive_run_is_no_silence(
    con: Connection, work: Work, later: Later, job: str, is_silent: bool
) -> None:
    work.be_killed()
    enqueue(con, job)
    assert (health.facts(con, later(minutes=6)).silent_since is not None) is is_silent


def test_a_scheduled_run_whose_time_is_past_waits_too(con: Connection, queues: Queues, later: Later) -> None:
    enqueue(con, "record-expiry", due_at=later(minutes=1))
    assert health.facts(con, later(seconds=30)).oldest_waiting_at is None
    found = health.facts(con, later(minutes=7))
    assert found.silent_since == found.oldest_waiting_at is not None


def test_what_was_missed_is_told_for_a_day(con: Connection) -> None:
    now = con.now()
    con.query(
        "INSERT INTO job_missed (job, occurrence, noticed_at) VALUES ('record-expiry', :at, :at)", at=now
    )
    assert health.facts(con, now + HOUR).missed_24h == 1
    assert health.facts(con, now + 25 * HOUR).missed_24h == 0


def test_statistics_go_back_as_far_as_they_are_asked(con: Connection) -> None:
    now = con.now()
    con.query(
        "INSERT INTO job_hour (job, hour, succeeded) VALUES ('record-expiry', :at, 1)", at=now - 30 * HOUR
    )
    for hours, number in ((24, 0), (48, 1)):
        found = json.loads(health.stats(con, now, hours))
        assert found["states"]["succeeded"] == len(found["hours"]) == number


def test_a_card_tells_last_runs_and_success_rate(con: Connection, work: Work) -> None:
    for hour in range(3):
        work.start_occurrence(f"2026-11-24T0{hour}:00:00Z")
    work.handler = refuse
    work.start_occurrence("2026-11-24T05:00:00Z")
    enqueue(con, "record-expiry")
    put_schedule(con, "record-expiry")
    card = job_summaries.summary_of(con, "record-expiry", con.now())
    assert [run.state for run in card.recent] == ["succeeded"] * 3 + ["failed"]
    assert card.recent[0].id == work.runs()[0].id and card.recent[0].duration_ms is not None
    assert card.words == "every hour, on the hour" and len(card.next) == 5
    assert card.success_rate == 0.75 and card.queue_depth == job_summaries.Depth(1, False)
    assert card.last_error == "Permanent: no such mailbox" and card.p50_ms is None
    rollup.roll_up(con, con.now())
    rolled = job_summaries.summary_of(con, "record-expiry", con.now())
    assert rolled.success_rate == 0.75 and rolled.p95_ms is not None and rolled.p50_ms is not None
    assert rolled.p95_ms >= rolled.p50_ms >= 0


@pytest.mark.parametrize("held", ["schedule_enabled = false", "paused_at = now(), paused_by = 'ann'"])
def test_a_schedule_that_is_disabled_or_paused_has_no_next_firing(con: Connection, held: str) -> None:
    put_schedule(con, "record-expiry")
    assert len(job_summaries.summary_of(con, "record-expiry", con.now()).next) == 5
    con.query(f"UPDATE job SET {held}")
    assert job_summaries.summary_of(con, "record-expiry", con.now()).next == []


def test_the_duration_on_a_card_is_that_of_the_last_attempt(con: Connection, work: Work) -> None:
    work.handler = fail
    work.start_occurrence()
    run_id = work.run().id
    con.query("UPDATE job_attempt SET started_at = started_at - interval '1 hour'")
    con.query("UPDATE job_run SET started_at = started_at - interval '1 hour'")
    work.make_due(run_id)
    work.handler = lambda context: None
    work.deliver({"run_id": run_id, "attempt": 2})
    (ended,) = job_summaries.summary_of(con, "record-expiry", con.now()).recent
    assert ended.duration_ms is not None and ended.duration_ms < 600_000


def test_a_card_without_runs_has_no_rate(con: Connection) -> None:
    cards = {card.name: card for card in job_summaries.list_jobs(con, con.now())}
    assert list(cards) == list(JOBS)
    assert cards["db-cleanup"].success_rate is None and cards["db-cleanup"].recent == []
    assert cards["db-cleanup"].last_error is None and cards["db-cleanup"].words is None


def test_a_success_clears_the_error_and_skips_do_not_count(con: Connection, work: Work) -> None:
    work.handler = refuse
    work.start_occurrence("2026-11-24T01:00:00Z")
    work.handler = lambda context: None
    work.start_occurrence("2026-11-24T02:00:00Z")
    actions.change(con, "delete", actor="ann", ids=[enqueue(con, "record-expiry").run_id])
    card = job_summaries.summary_of(con, "record-expiry", con.now())
    assert card.last_error is None and card.success_rate == 0.5
    assert [run.state for run in card.recent] == ["failed", "succeeded", "deleted"]
    assert card.recent[2].duration_ms is None


@pytest.mark.usefixtures("half_past")
@pytest.mark.parametrize(("span", "number"), [("24h", 24), ("7d", 28), ("30d", 30)])
def test_history_is_live_before_and_after_a_roll_up(
    con: Connection, work: Work, span: str, number: int
) -> None:
    work.start_occurrence("2026-11-24T01:00:00Z")
    work.handler = refuse
    work.start_occurrence("2026-11-24T02:00:00Z")
    for rolled in (False, True):
        if rolled:
            rollup.roll_up(con, con.now())
            work.handler = fail
            work.start_occurrence("2026-11-24T03:00:00Z")
        buckets = metrics.history(con, con.now(), span)
        assert len(buckets) == number and [bucket["complete"] for bucket in buckets[-2:]] == [True, False]
        now = buckets[-1]
        assert (now["succeeded"], now["failed"], now["deleted"], now["retried"]) == (1, 1, 0, int(rolled))
        assert sum(bucket["succeeded"] for bucket in buckets) == 1


def test_a_roll_up_catches_up_and_can_be_repeated(con: Connection, work: Work) -> None:
    work.start_occurrence()
    now = con.now()
    rollup.roll_up(con, now - 5 * HOUR)
    con.query("UPDATE job_event SET at = at - interval '4 hours'")
    for _ in range(2):
        rollup.roll_up(con, now)
    assert con.query("SELECT sum(succeeded) FROM job_hour") == [[1]]
    assert sum(bucket["succeeded"] for bucket in metrics.history(con, now, "24h")[:-3]) == 1


def test_failures_are_grouped_by_their_type_with_the_last_run(con: Connection, work: Work) -> None:
    work.handler = fail
    work.start_occurrence("2026-11-24T01:00:00Z")
    rollup.roll_up(con, con.now())
    work.start_occurrence("2026-11-24T02:00:00Z")
    work.handler = refuse
    work.start_occurrence("2026-11-24T03:00:00Z")
    found = metrics.failure_reasons(con, con.now(), "7d")
    assert [(reason["error_type"], reason["job"], reason["count"]) for reason in found] == [
        ("RuntimeError", "record-expiry", 2),
        ("Permanent", "record-expiry", 1),
    ]
    assert found[0]["last_run_id"] == work.runs()[1].id
    con.query("DELETE FROM job_run WHERE id = CAST(:id AS uuid)", id=found[0]["last_run_id"])
    assert metrics.failure_reasons(con, con.now(), "7d")[0]["last_run_id"] != found[0]["last_run_id"]


def test_records_over_time_count_edits_and_batches(con: Connection, half_past: datetime) -> None:
    for _ in range(3):
        records.create(con, "x", con.now() - HOUR, "ann")
    update = expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=2, actor="record-expiry")
    assert next(iter(update)) == 2
    con.query("UPDATE record_event SET at = :at", at=half_past)
    for rolled in (False, True):
        if rolled:
            statistics.roll_up(con, con.now())
        now = metrics.record_history(con, con.now(), "24h")[-1]
        assert (now["created"], now["expired"], now["deleted"]) == (3, 2, 0)


def test_what_people_did_is_listed_newest_first_and_paged(
    con: Connection, work: Work, queues: Queues
) -> None:
    work.start_occurrence()
    made = [
        enqueue(con, "record-expiry", trigger=trigger, actor="ann").run_id for trigger in ("api", "console")
    ]
    actions.change(con, "delete", actor="bob", ids=made)
    pause.pause(con, "db-cleanup", "ann", "audit", now=con.now())
    pause.resume(con, "db-cleanup", "bob", con.now())
    pause.resume(con, "db-cleanup", "bob", con.now())
    record_id, _ = records.create(con, "passport", con.now(), "ann")
    records.update(
        con, record_id, con.now(), title="passport of Ann", expiry_date=con.now() + HOUR, actor="bob"
    )
    records.update(con, record_id, con.now(), title="passport of Ann", actor="bob")
    records.delete(con, record_id, "cid")
    con.query("INSERT INTO record_event (action, count, actor) VALUES ('expired', 7, 'record-expiry')")
    assert [each["action"] for each in pause.pauses(con, "db-cleanup")] == ["resumed", "paused"]
    assert pause.pauses(con, "record-expiry") == []
    seen = []
    before = None
    for _ in range(4):
        page = audit_log.page(con, before, 2)
        assert all((row["id"] is None) == (row["count"] > 1) for row in page.items) and len(page.items) == 2
        seen += [
            (row["actor"], row["action"], row["kind"], row["label"], row["detail"], row["count"])
            for row in page.items
        ]
        before = page.next
    assert before is None
    assert seen == [
        ("cid", "deleted", "record", "passport of Ann", None, 1),
        ("bob", "changed", "record", "passport of Ann", "title and expiry date", 1),
        ("ann", "created", "record", "passport", None, 1),
        ("bob", "resumed", "job", "db-cleanup", None, 1),
        ("ann", "paused", "job", "db-cleanup", "audit", 1),
        ("bob", "deleted", "run", None, None, 2),
        ("ann", "created", "run", "record-expiry", None, 1),
        ("ann", "created", "run", "record-expiry", None, 1),
    ]


def test_what_happened_by_a_clock_that_is_ahead_is_listed_too(con: Connection) -> None:
    pause.pause(con, "db-cleanup", "ann", None, now=con.now() + timedelta(seconds=30))
    assert [row["action"] for row in audit_log.page(con, None, 2).items] == ["paused"]


@pytest.mark.parametrize(
    "cursor",
    ["x", "2026-11-24T01:00:00 run:", "2026-11-24T01:00:00+00:00", "2026-11-24T01:00:00+00:00 a\0b"],
)
def test_a_cursor_that_no_page_gave_is_refused(con: Connection, cursor: str) -> None:
    with pytest.raises(ValueError):
        audit_log.page(con, cursor, 2)


def test_depths_are_read_once_in_five_seconds(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(at=0.0)
    monkeypatch.setattr(queue_depths, "time", SimpleNamespace(monotonic=lambda: clock.at))
    assert "cannot be read" in (queue_depths.depths().problem or "")
    queues.make_dead_letters()
    clock.at = 4
    assert queue_depths.depths().problem is not None
    clock.at = 6
    assert queue_depths.depths().jobs["db-cleanup"] == {"visible": 0, "in_flight": 0, "delayed": 0, "dead": 0}
