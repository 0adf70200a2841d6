"""The hourly figures at their edges: between hours, between what is kept and what is live, and after a crash."""

from datetime import UTC, datetime, timedelta

import pytest

from slowmatch.db import Connection, StatementError
from slowmatch.jobs import JOBS, enqueue
from slowmatch.jobs.dispatcher import rollup
from slowmatch.jobs.dispatcher.rollup import roll_up
from slowmatch.jobs.ids import new_run_id
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.queries import job_summaries, metrics
from tests.integration.jobs.conftest import Queues, Work

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
ON_THE_HOUR = NOW.replace(minute=0)
JOB = "record-expiry"


def ended(con: Connection, at: datetime, seconds: float = 1, error: str | None = None, job: str = JOB) -> str:
    """A run of one attempt, as if it had ended at that moment."""
    run_id = new_run_id()
    con.query(
        """
        WITH run AS (
            INSERT INTO job_run (id, job, state, exclusive, trigger, attempt, max_attempts, due_at, created_at,
                                 started_at, finished_at, error)
            SELECT CAST(:id AS uuid), :job, CASE WHEN error IS NULL THEN 'succeeded' ELSE 'failed' END, true, 'api',
                   1, 1, at, at, at, at, error
            FROM (SELECT CAST(:at AS timestamptz) AS at, CAST(:error AS text) AS error) AS given
            RETURNING *
        ), attempt AS (
            INSERT INTO job_attempt (run_id, number, worker, request_id, started_at, finished_at, outcome, error_type)
            SELECT id, 1, 'w', 'r', finished_at - CAST(:lasted AS interval), finished_at, state, error FROM run
        )
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, finished_at, 'processing', state, 'r', 'worker' FROM run
        """,
        id=run_id,
        job=job,
        at=at,
        error=error,
        lasted=timedelta(seconds=seconds),
    )
    return run_id


def succeeded(con: Connection, now: datetime = NOW, span: str = "24h") -> list[int]:
    """In the last three buckets."""
    return [bucket["succeeded"] for bucket in metrics.history(con, now, span)[-3:]]


def test_what_ends_at_the_roll_up_is_counted_once(con: Connection) -> None:
    ended(con, NOW)
    roll_up(con, NOW)
    assert succeeded(con) == [0, 0, 1]
    roll_up(con, NOW + MINUTE)
    assert succeeded(con) == [0, 0, 1]


def test_what_ended_on_the_hour_belongs_to_it(con: Connection) -> None:
    ended(con, ON_THE_HOUR - HOUR)
    for _ in range(3):
        assert succeeded(con) == [0, 1, 0]
        roll_up(con, NOW)


def test_a_rate_counts_its_whole_first_hour(con: Connection) -> None:
    first = ON_THE_HOUR - timedelta(days=7)
    con.query("INSERT INTO job_hour (job, hour, failed) VALUES (:job, :at, 1)", job=JOB, at=first - HOUR)
    con.query("INSERT INTO job_hour (job, hour, succeeded) VALUES (:job, :at, 1)", job=JOB, at=first)
    assert job_summaries.summary_of(con, JOB, NOW).success_rate == 1
    assert job_summaries.summary_of(con, JOB, NOW + HOUR).success_rate is None


def test_what_was_written_late_is_counted(con: Connection) -> None:
    roll_up(con, NOW)
    ended(con, ON_THE_HOUR - MINUTE)
    roll_up(con, NOW + MINUTE)
    assert succeeded(con) == [0, 1, 0]


def test_a_roll_up_that_breaks_off_counts_nothing_twice(
    con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(con, NOW - MINUTE)
    with monkeypatch.context() as broken, pytest.raises(StatementError):
        broken.setattr(rollup, "MARK", "SELECT 1 / 0 * count(*) FROM job WHERE :now IS NULL")
        roll_up(con, NOW)
    assert succeeded(con) == [0, 0, 1]


def test_a_run_that_is_due_later_is_no_retry(con: Connection, queues: Queues) -> None:
    enqueue(con, JOB, due_at=con.now() + HOUR)
    for _ in range(2):
        assert sum(bucket["retried"] for bucket in metrics.history(con, con.now(), "24h")) == 0
        roll_up(con, con.now() + MINUTE)


@pytest.mark.usefixtures("half_past")
def test_skipped_occurrences_are_counted_without_an_attempt(con: Connection, work: Work) -> None:
    pause.pause(con, JOB, "ann", None, now=con.now())
    work.start_occurrence()
    for _ in range(2):
        assert metrics.history(con, con.now(), "24h")[-1]["deleted"] == 1
        roll_up(con, con.now())


def test_the_last_minute_has_thirty_complete_spans(con: Connection) -> None:
    ended(con, NOW - timedelta(seconds=1))
    ended(con, NOW + timedelta(seconds=1))
    for second in range(2):  # a span begins at an even second
        buckets = metrics.realtime(con, NOW + timedelta(seconds=second))
        assert len(buckets) == 30 and datetime.fromisoformat(buckets[-1]["at"]) == NOW - timedelta(seconds=2)
        assert [bucket["succeeded"] for bucket in buckets] == [0] * 29 + [1]


def test_figures_of_one_job_are_its_own(con: Connection) -> None:
    ended(con, NOW - MINUTE)
    assert metrics.history(con, NOW, "24h", job=JOB)[-1]["succeeded"] == 1
    assert metrics.history(con, NOW, "24h", job="db-cleanup")[-1]["succeeded"] == 0


def test_what_is_cached_is_of_the_same_figures_span_and_bucket(con: Connection) -> None:
    after_midnight = datetime(
        2026, 11, 24, 0, 30, tzinfo=UTC
    )  # the present bucket of each span begins at once
    assert [len(metrics.history(con, after_midnight, span)) for span in ("24h", "7d", "30d")] == [24, 28, 30]
    assert metrics.record_history(con, after_midnight, "24h")[-1].keys() >= {"created", "expired"}
    (first, second) = (metrics.history(con, at, "24h")[-1]["at"] for at in (NOW, NOW + HOUR))
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) == HOUR


def test_a_silence_longer_than_the_window_brings_nothing_into_it(con: Connection) -> None:
    roll_up(con, NOW - timedelta(days=9))
    ended(con, NOW - timedelta(days=8), error="OSError")
    assert job_summaries.summary_of(con, JOB, NOW).success_rate is None
    assert metrics.failure_reasons(con, NOW, "7d") == []


def test_durations_of_an_hour_are_its_median_and_its_95th_percentile(con: Connection) -> None:
    for seconds in (1, 3):
        ended(con, NOW - MINUTE, seconds)
    for _ in range(2):
        found = metrics.durations(con, NOW, "24h")
        assert set(found) == set(JOBS) and found["db-cleanup"][-1]["p50_ms"] is None
        figures = [(each["p50_ms"], each["p95_ms"]) for each in found[JOB]]
        assert figures == [(None, None)] * 23 + [(2000, 2900)]
        assert [each["complete"] for each in found[JOB][-2:]] == [True, False]
        roll_up(con, NOW)


def test_durations_of_several_hours_are_combined(con: Connection) -> None:
    for hours, seconds in enumerate((2, 8, 4)):
        ended(con, NOW - hours * HOUR, seconds)
    for at in (NOW - HOUR, NOW + MINUTE):
        roll_up(con, at)
    found = metrics.durations(con, NOW, "7d")[JOB][-1]
    assert (found["p50_ms"], found["p95_ms"]) == (4000, 8000)


def test_live_durations_are_those_after_the_roll_up(con: Connection) -> None:
    ended(con, ON_THE_HOUR - MINUTE, 60)
    assert metrics.durations(con, NOW, "24h")[JOB][-1]["p95_ms"] is None
    ended(con, ON_THE_HOUR + MINUTE, 2)
    roll_up(con, ON_THE_HOUR + 2 * MINUTE)
    ended(con, ON_THE_HOUR + 3 * MINUTE, 4)
    found = metrics.durations(con, NOW, "24h")[JOB][-1]
    assert (found["p50_ms"], found["p95_ms"]) == (3000, 4000)


def test_the_last_run_of_a_reason_is_the_latest(con: Connection) -> None:
    ids = [ended(con, NOW - minutes * MINUTE, error="OSError") for minutes in (3, 1, 2)]
    for at in (NOW, NOW + MINUTE):
        roll_up(con, at)
    (reason,) = metrics.failure_reasons(con, NOW, "24h")
    assert (reason["count"], reason["last_run_id"]) == (3, ids[1])


def test_the_last_run_of_a_reason_is_its_own_job_s(con: Connection) -> None:
    ids = {job: ended(con, NOW - MINUTE, error="OSError", job=job) for job in (JOB, "db-cleanup")}
    roll_up(con, NOW)
    found = metrics.failure_reasons(con, NOW, "24h")
    assert {reason["job"]: reason["last_run_id"] for reason in found} == ids


def test_waiting_is_from_due_to_the_start_of_the_last_attempt(con: Connection) -> None:
    run_id = ended(con, NOW - MINUTE)
    con.query(
        "UPDATE job_run SET due_at = due_at - interval '5 seconds' WHERE id = CAST(:id AS uuid)", id=run_id
    )
    retried = ended(con, NOW - MINUTE)  # it was due then, and is due again
    con.query(
        "UPDATE job_run SET state = 'scheduled', finished_at = NULL, due_at = due_at - interval '1 hour'"
        " WHERE id = CAST(:id AS uuid)",
        id=retried,
    )
    for _ in range(2):
        found = metrics.durations(con, NOW, "24h")[JOB][-1]
        assert (found["wait_p50_ms"], found["wait_p95_ms"]) == (4000, 4000)
        roll_up(con, NOW)
