"""Lists of runs: filters, search, and the indexes that keep them fast with a million runs."""

from datetime import datetime, timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount
from slowmatch.db.text_search import MAX_PAGE_ROWS, page_rows
from slowmatch.jobs import enqueue
from slowmatch.jobs.ids import first_run_id, new_run_id, run_id_range
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import ListedRun
from slowmatch.jobs.queries import runs, workers
from slowmatch.jobs.queries.run_order import RunOrder
from slowmatch.jobs.run_filter import RunFilter
from tests.integration.jobs.conftest import Queues
from tests.integration.records.plans import indexes_of

DAY = timedelta(days=1)


@pytest.fixture
def crowd(con: Connection) -> Connection:
    """20,000 runs of a month, one in fifty failed, and statistics about them."""
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, payload, trigger, attempt, failures, max_attempts, due_at,
                             created_at, started_at, finished_at, error)
        SELECT uuidv7(at - now()),
               CASE WHEN mod(n, 500) = 0 THEN 'daily-summary' WHEN mod(n, 2) = 1 THEN 'record-expiry'
                    ELSE 'db-cleanup' END,
               state, true, CASE WHEN mod(n, 7) = 0 THEN jsonb_build_object('batch_size', n) ELSE '{}' END,
               CASE WHEN mod(n, 10) = 0 THEN 'api' ELSE 'schedule' END, 1, 1, 11, at, at, at,
               CASE WHEN state <> 'scheduled' THEN at + interval '1 second' END,
               CASE WHEN state = 'failed' THEN
                   CASE WHEN mod(n, 100) = 0 THEN 'KeyError: number' ELSE 'OSError: number' END || n || ' broke' END
        FROM generate_series(0, 19999) AS n, LATERAL (
            SELECT now() - (20000 - n) * interval '2 minutes' AS at,
                   CASE WHEN mod(n, 50) = 0 THEN 'failed' WHEN mod(n, 997) = 0 THEN 'scheduled'
                        ELSE 'succeeded' END AS state
        ) AS run
        """
    )
    con.query(
        """
        INSERT INTO job_attempt (run_id, number, worker, request_id, started_at, finished_at, outcome)
        SELECT id, 1, 'w', 'r', created_at, created_at + interval '1 second', 'succeeded' FROM job_run
        """
    )
    con.query("ANALYZE job_run")
    con.query("ANALYZE job_attempt")
    return con


PAGES = [
    (RunFilter(), "job_run_pkey"),
    (RunFilter(state="failed"), "job_run_state"),
    (RunFilter(state="processing"), "job_run_leased"),
    (RunFilter(job="daily-summary"), "job_run_job"),
    (RunFilter(job="daily-summary", state="failed"), "job_run_failed_job"),
    (RunFilter(job="daily-summary", schedule="each-day"), "job_run_job"),
    (RunFilter(trigger="console"), "job_run_by_hand"),
    (RunFilter(retrying=True), "job_run_retrying"),
    (RunFilter(error_type="KeyError"), "job_run_error_type"),
    (RunFilter(text="number19950"), "job_run_error_words"),
    (RunFilter(text="number19850"), "job_run_payload_words"),
]


SORTED = [
    (RunFilter(state="scheduled"), RunOrder("due_at", False), "job_run_due"),
    (RunFilter(state="scheduled"), RunOrder("due_at"), "job_run_due"),
    (RunFilter(retrying=True), RunOrder("due_at", False), "job_run_retry_due"),
    (RunFilter(state="failed"), RunOrder("finished_at"), "job_run_failed"),
    (RunFilter(), RunOrder("id", False), "job_run_pkey"),
]


@pytest.mark.parametrize(("wanted", "order", "index"), SORTED)
def test_every_order_of_a_list_comes_from_an_index(
    crowd: Connection, wanted: RunFilter, order: RunOrder, index: str
) -> None:
    crowd.query(
        """
        UPDATE job_run SET state = 'scheduled', finished_at = NULL, due_at = due_at + interval '40 days'
        WHERE state = 'succeeded'
        """
    )
    crowd.query("ANALYZE job_run")
    where, params = wanted.where()
    rows = page_rows(f"job_run AS run WHERE {where}", order.sql)
    plan = crowd.query(f"EXPLAIN SELECT * FROM {rows} AS page", limit=20, **params)
    text = "\n".join(line for (line,) in plan)
    assert f"using {index} " in text and "Seq Scan" not in text, text


@pytest.mark.parametrize("order", [RunOrder("due_at", False), RunOrder("finished_at"), RunOrder("id", False)])
def test_pages_in_any_order_have_every_run_once(crowd: Connection, order: RunOrder) -> None:
    wanted, cursor, seen = RunFilter(state="failed"), None, []
    while True:
        page = runs.page(crowd, wanted, cursor, 90, order)
        seen += [run.id for run in page.items]
        cursor = page.last
        if cursor is None:
            break
    expected = crowd.query(f"SELECT id::text FROM job_run WHERE state = 'failed' ORDER BY {order.sql}")
    assert seen == [run_id for (run_id,) in expected]


@pytest.mark.parametrize("cursor", ["", "x", "never 01a2f3b4-0000-7000-8000-000000000000", "a b c", "\0"])
def test_a_text_that_is_no_cursor_is_refused(con: Connection, cursor: str) -> None:
    with pytest.raises(ValueError):
        runs.page(con, RunFilter(), cursor, 5, RunOrder("due_at"))


def test_pages_counts_and_workers_come_from_indexes(
    crowd: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wanted, index in PAGES:
        assert index in _indexes(crowd, wanted, monkeypatch), wanted
    assert "job_run_state" in indexes_of(crowd, runs.COUNTS.sql)
    now = crowd.now()
    hour = RunFilter(ended_from=now - DAY, ended_to=now - DAY + DAY / 24)
    assert {"job_run_ended", "job_run_failed"} <= _indexes(crowd, hour, monkeypatch)
    used = indexes_of(crowd, workers._WORKERS, now=now, since=now - DAY / 48, began=now - DAY / 32)
    assert "job_attempt_started" in used


@pytest.mark.parametrize(
    "text", ["broke", "KeyError", "number1", "number19800 KEY", "size", "db-cleanup", "nothing"]
)
def test_what_is_found_does_not_depend_on_the_walk(
    crowd: Connection, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for walked, far in ((1, 1), (100, 5_000), (30_000, 30_000)):
        monkeypatch.setattr(runs, "FIRST_WALK", walked)
        monkeypatch.setattr(runs, "LONG_WALK", far)
        crowd.query("SELECT pg_current_xact_id()")  # nothing kept from before
        found.append([runs.page(crowd, RunFilter(text=text), None, limit) for limit in (1, 9, 200)])
    assert found[0] == found[1] == found[2]


def test_a_rare_word_is_found_behind_many_runs_and_pages_on(crowd: Connection) -> None:
    assert [run.error for run in _walk(crowd, RunFilter(text="number19800"), 1)] == [
        "KeyError: number19800 broke"
    ]
    assert len(_walk(crowd, RunFilter(text="BROKE", state="failed"), 150)) == 400
    assert len(_walk(crowd, RunFilter(text="batch_size", state="failed"), 20)) == 58
    assert _walk(crowd, RunFilter(text="%' OR 1=1 --"), 20) == []
    assert _walk(crowd, RunFilter(text="broke nothing"), 20) == []


def test_a_page_has_a_largest_size_and_goes_on(crowd: Connection) -> None:
    page = runs.page(crowd, RunFilter(), limit=MAX_PAGE_ROWS + 100)
    assert len(page.items) == MAX_PAGE_ROWS and page.items[-1].id == page.last


def test_blank_text_is_no_filter(crowd: Connection) -> None:
    assert len(runs.page(crowd, RunFilter(text="  "), limit=20).items) == 20


def test_a_run_is_found_by_its_id_and_its_job(con: Connection, queues: Queues) -> None:
    run_id = enqueue(con, "db-cleanup").run_id
    other = enqueue(con, "record-expiry", {"batch_size": 7}).run_id
    con.query("DELETE FROM job_event")
    con.query(
        "UPDATE job_run SET id = overlay(id::text PLACING 'f' FROM 1 FOR 1)::uuid WHERE job = 'record-expiry'"
    )
    for text in (
        run_id,
        run_id.upper(),
        f" {run_id} ",
        run_id[:13],
        run_id.replace("-", "")[:20],
        "db-cleanup",
    ):
        assert [run.id for run in _walk(con, RunFilter(text=text), 20)] == [run_id]
    assert [run.id[1:] for run in _walk(con, RunFilter(text="batch"), 20)] == [other[1:]]
    assert _walk(con, RunFilter(text=run_id, state="failed"), 20) == []


def test_times_bound_the_creation_exactly(crowd: Connection) -> None:
    ((lower, upper),) = crowd.query(
        "SELECT min(created_at), max(created_at) FROM (SELECT created_at FROM job_run ORDER BY id LIMIT 100) AS first"
    )
    found = _walk(crowd, RunFilter(created_from=lower, created_to=upper), 50)
    assert len(found) == 99
    assert all(lower <= run.created_at < upper for run in found)


def test_a_clock_that_is_minutes_wrong_hides_no_run(con: Connection, queues: Queues) -> None:
    run_id = enqueue(con, "db-cleanup").run_id
    con.query("UPDATE job_run SET created_at = created_at - interval '20 minutes'")
    ((at,),) = con.query("SELECT created_at FROM job_run")
    wanted = RunFilter(created_from=at, created_to=at + timedelta(seconds=1))
    assert [run.id for run in _walk(con, wanted, 5)] == [run_id]


COUNTED = [
    (RunFilter(state="failed"), "requeue", 400),
    (RunFilter(state="succeeded"), "delete", 0),
    (RunFilter(error_type="KeyError"), "requeue", 200),
    (RunFilter(error_type="Key"), "requeue", 0),
    (RunFilter(text="broke", job="db-cleanup"), "requeue", 360),
    (RunFilter(retrying=True), "run-now", 20),
    (RunFilter(trigger="somebody"), "requeue", 0),
]


def test_a_bulk_count_is_what_the_action_would_change(crowd: Connection) -> None:
    for wanted, action, number in COUNTED:
        assert actions.bulk_count(crowd, wanted, action) == CappedCount(number, capped=False), wanted


def test_bulk_actions_on_a_text_change_what_was_counted(crowd: Connection, queues: Queues) -> None:
    wanted = RunFilter(text="broke", error_type="KeyError")
    assert actions.bulk_count(crowd, wanted, "requeue").number == 200
    assert len(actions.change(crowd, "requeue", actor="ann", wanted=wanted).ids) == 200
    assert actions.bulk_count(crowd, wanted, "requeue").number == 0


def test_ranges_of_identifiers() -> None:
    assert run_id_range("01a20db2-4d71") == (
        "01a20db2-4d71-0000-0000-000000000000",
        "01a20db2-4d71-ffff-ffff-ffffffffffff",
    )
    assert (
        run_id_range("01a20db") is None
        and run_id_range("disk full") is None
        and run_id_range("a" * 33) is None
    )
    moment = datetime.fromisoformat("2026-11-24T02:00:00+00:00")
    milliseconds = int(moment.timestamp() * 1000)
    assert new_run_id(milliseconds - 1) < first_run_id(moment) <= new_run_id(milliseconds)
    assert first_run_id(datetime.fromisoformat("1960-01-01T00:00:00+00:00")).startswith("00000000-0000")


def _walk(con: Connection, wanted: RunFilter, limit: int) -> list[ListedRun]:
    walked: list[ListedRun] = []
    before = None
    while True:
        page = runs.page(con, wanted, before, limit)
        walked += page.items
        if page.last is None:
            return walked
        before = page.last


def _indexes(con: Connection, wanted: RunFilter, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The indexes of all statements that make one page."""
    used: set[str] = set()
    real = con.query

    def explained(sql: str, **params: object) -> list[list[object]]:
        monkeypatch.setattr(con, "query", real)
        used.update(indexes_of(con, sql, **params))
        monkeypatch.setattr(con, "query", explained)
        return real(sql, **params)

    monkeypatch.setattr(con, "query", explained)
    runs.page(con, wanted, None, 20)
    monkeypatch.undo()
    return used
