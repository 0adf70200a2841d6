"""Lists of records: how long they are, their pages, searches, and the indexes that these come from."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP, CappedCount
from slowmatch.db.text_search import MAX_PAGE_ROWS
from slowmatch.records import queries, search
from slowmatch.records.model import SORTS, RecordPage, Sort, Status
from tests.integration.records.factories import add_expired
from tests.integration.records.plans import indexes_of, pages_read

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = search.sorted_list("all")

TITLES = [
    "Ablaufdatum: Zertifikat für Müller & Söhne",
    "有効期限のある記録",
    "سجل تنتهي صلاحيته",
    "רשומה שפגה",
    "Запись с истекающим сроком",
    "รายการที่หมดอายุ",
    "अभिलेख",
    "🔥🧨 fuse 👩‍👩‍👧‍👦",
    "e\u0301 is not \u00e9",
    'O\'Brien "quoted" `back`',
    "'; DROP TABLE record; --",
    "100% :named %s {} {0} $1 ? \\ \\n",
    "  spaces are kept  ",
    "<script>alert(1)</script>",
    "\u202eright to left",
    "a" * 500,
    "🔥" * 500,
]


def test_counts_change_as_time_passes_though_nobody_writes(con: Connection) -> None:
    queries.create(con, "x", NOW + DAY + timedelta(minutes=1), "ann")
    soon = [search.status_counts(con, NOW + timedelta(minutes=minutes))["soon"].number for minutes in (0, 1)]
    assert soon == [0, 1]


def test_many_due_records_are_counted_but_not_estimated(crowd: Connection) -> None:
    late = NOW + timedelta(days=200)
    counted = search.status_counts(crowd, late)
    ((due,),) = crowd.query(
        "SELECT count(*) FROM record WHERE NOT is_expired AND expiry_date <= :now", now=late
    )
    assert due > COUNT_CAP
    assert counted["due"] == counted["active"] == CappedCount(COUNT_CAP, capped=True)


def test_records_that_expire_within_a_day_are_listed_soonest_first(con: Connection) -> None:
    now = con.now()
    for title, hours in {"late": 25, "second": 23, "first": 1, "over": -1}.items():
        queries.create(con, title, now + timedelta(hours=hours), "ann")
    add_expired(con, now + timedelta(hours=2), "marked")
    assert [record["title"] for record in _walk(con, "soon", None, 1)] == ["first", "second"]
    assert [record["title"] for record in _walk(con, "soon", "sec", 1)] == ["second"]
    counted = {status: count.number for status, count in search.status_counts(con, now).items()}
    assert counted == {"all": 5, "active": 3, "due": 1, "soon": 2, "expired": 1}


def test_counts_stop_at_their_cap_and_use_the_indexes(crowd: Connection) -> None:
    counted = search.status_counts(crowd, NOW)
    assert counted["soon"] == CappedCount(24, capped=False)
    for status, which in (("all", "true"), ("active", "NOT is_expired"), ("expired", "is_expired")):
        ((exact,),) = crowd.query(f"SELECT count(*) FROM record WHERE {which}")
        number, capped, about = counted[status]
        assert (number, capped) == (COUNT_CAP, True)
        assert about == pytest.approx(exact, rel=0.1)
    used = indexes_of(crowd, search.COUNTS.sql, now=NOW)
    assert used >= {"record_pkey", "record_due", "record_stale"}


@pytest.mark.parametrize(("status", "sort"), [(status, sort) for status in SORTS for sort in SORTS[status]])
@pytest.mark.parametrize("limit", [1, 7, 200])
def test_paging_walks_everything_once_in_order(
    con: Connection, status: Status, sort: Sort, limit: int
) -> None:
    _fill(con, 10, is_expired=True)
    _fill(con, 10, is_expired=False)
    con.query("UPDATE record SET expiry_date = now() - age(expiry_date) / 1e6 WHERE mod(id, 4) = 0")
    con.query("UPDATE record SET expiry_date = now() + interval '1 hour' WHERE mod(id, 4) = 1")
    walked = _walk(con, status, None, limit, sort)
    keys = [(record[sort.strip("-").replace("created", "id")], record["id"]) for record in walked]
    assert keys == sorted(set(keys), reverse=sort.startswith("-"))
    ((number,),) = con.query(f"SELECT count(*) FROM record WHERE {search.WHERE[status]}", now=con.now())
    assert len(walked) == number >= 2


def test_a_full_last_page_has_no_next(con: Connection) -> None:
    _fill(con, 3, False)
    assert search.page(con, "all", NOW, limit=3).next is None
    assert search.page(con, "all", NOW, limit=2).next is not None


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_line_feeds_in_a_title_end_no_record(con: Connection, limit: int) -> None:
    titles = ["one,\ntwo", "],\n[", '"},\n{"']
    for title in titles:
        queries.create(con, title, NOW, "ann")
    assert [record["title"] for record in _walk(con, "all", None, limit)] == titles[::-1]


def test_no_page_is_longer_than_the_longest(con: Connection) -> None:
    _fill(con, MAX_PAGE_ROWS + 2, False)
    page = search.page(con, "all", NOW, limit=MAX_PAGE_ROWS + 1)
    assert len(json.loads(page.items)) == MAX_PAGE_ROWS
    assert page.next is not None


def test_an_empty_list_is_an_empty_array(con: Connection) -> None:
    assert search.page(con, "all", NOW, limit=50) == RecordPage("[]", 0, None)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("müll", [0]),
        ("SÖHNE zert", [0]),
        ("o'brien", [9]),
        ("drop table", [10]),
        ("🔥", [16, 7]),
        ("fuse", [7]),
        ("fuse nothing", []),
        ("% :", [11]),
        ("%_", []),
        ("🧨 🔥", []),
        ("🔥🧨", [7]),
        (": ", [0]),
        ("👩‍👩", [7]),
        ('" `', [9]),
        ("\u0301", [8]),
        ("истек", [4]),
        ("有効期限", [1]),
        ("& | ! <-> ( ) ' \\", []),
        ("   ", list(reversed(range(len(TITLES))))),
    ],
)
def test_search_finds_beginnings_of_words_or_signs(con: Connection, q: str, found: list[int]) -> None:
    for title in TITLES:
        queries.create(con, title, NOW, "ann")
    assert [record["title"] for record in _walk(con, "all", q, 2)] == [TITLES[index] for index in found]


def test_search_and_status_combine(con: Connection) -> None:
    add_expired(con, NOW - DAY, "red one")
    queries.create(con, "red two", NOW, "ann")
    assert [record["title"] for record in _walk(con, "expired", "red", 50)] == ["red one"]
    assert [record["title"] for record in _walk(con, "due", "red", 50)] == ["red two"]


def test_a_rare_word_is_found_behind_many_records_and_pages_on(crowd: Connection) -> None:
    queries.create(crowd, "record 5 again", NOW, "ann")
    found = [record["title"] for record in _walk(crowd, "all", "record 500", 4)]
    assert found == ["record 5009", *(f"record 500{n}" for n in range(8, -1, -1)), "record 500"]


@pytest.mark.parametrize(
    "q", ["record", "record 1", "record 77", "REC 500", "nothing", "record nothing", "🔥"]
)
def test_no_result_depends_on_the_walk(crowd: Connection, q: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queries.create(crowd, "record 77 and 500 🔥", NOW, "ann")
    found = []
    for walked, far in ((1, 1), (100, 5_000), (30_000, 30_000)):
        monkeypatch.setattr(search, "WALKS", (walked, far))
        pages = [search.page(crowd, "all", NOW, q=q, limit=limit) for limit in (1, 9, 200)]
        after = [page.next for page in pages if page.next]
        pages += [search.page(crowd, "active", NOW, q=q, after=each, limit=50) for each in after]
        found.append(pages)
    assert found[0] == found[1] == found[2]


def test_the_index_is_asked_only_for_the_rarer_words(crowd: Connection) -> None:
    crowd.query("UPDATE record SET title = title || ' on shelf ' || mod(id, 150)")
    crowd.query("ANALYZE record")  # of prefixes PostgreSQL knows something from a hundred common words on
    assert search.rare_words(crowd, ["500", "501", "record"]) == ["500", "501"]
    source = f"{ALL.indexed(search.BY_RARE_WORDS)} WHERE {search.BY_LETTERS}"
    sql = "EXPLAIN (FORMAT TEXT) " + search.page_sql(source, ALL.order)
    rows = crowd.query(sql, limit=50, q="record 500", rare="500", parts=["%record%", "%500%"])
    plan = "\n".join(row[0] for row in rows)
    assert "record_title_words" in plan and "Index Cond" in plan, plan
    assert "'500'" in plan.split("Index Cond")[1] and "'record'" not in plan.split("Index Cond")[1], plan


@pytest.mark.parametrize(
    ("status", "sorts", "index"),
    [
        ("all", ("created", "-created"), "record_pkey"),
        ("all", ("expiry_date", "-expiry_date"), "record_expiry"),
        ("active", SORTS["active"], "record_due"),
        ("due", SORTS["due"], "record_due"),
        ("soon", SORTS["soon"], "record_due"),
        ("expired", SORTS["expired"], "record_stale"),
    ],
)
def test_a_page_comes_from_the_index_of_its_order(
    crowd: Connection, status: Status, sorts: tuple[Sort, ...], index: str
) -> None:
    for sort in sorts:
        rows = search.sorted_list(status, sort, is_first=False)
        for source in (rows.all(), rows.first(2_000, search.BY_SIGNS)):
            sql = search.page_sql(source, rows.order)
            plan = indexes_of(crowd, sql, limit=50, after_id=5000, after_date=NOW, q="x", now=NOW)
            assert plan == {index}


@pytest.mark.parametrize(
    ("condition", "q", "index"),
    [
        (search.BY_WORDS, "nothing", "record_title_words"),
        (search.BY_SIGNS, "🔥", "record_title_signs"),
        (search.BY_SIGNS, "%", "record_title_signs"),
        (search.BY_SIGNS, " . 🧨", "record_title_signs"),
    ],
)
def test_what_is_rare_comes_from_its_index(crowd: Connection, condition: str, q: str, index: str) -> None:
    sql = search.page_sql(ALL.indexed(condition), ALL.order)
    assert indexes_of(crowd, sql, limit=50, q=q) == {index}


@pytest.mark.parametrize(
    ("status", "sort"),
    [(status, sort) for status, sorts in SORTS.items() for sort in sorts if "expiry" in sort],
)
def test_a_page_deep_in_a_list_reads_no_more_than_the_first(
    con: Connection, status: Status, sort: Sort
) -> None:
    con.query(
        """
        INSERT INTO record (title, expiry_date, is_expired)
        SELECT 'x', CAST(:now AS timestamptz) + (n / 2) * interval '10 seconds', n < 0 AND mod(n, 2) = 0
        FROM generate_series(-40000, 40000) AS n
        """,
        now=NOW,
    )
    con.script("VACUUM ANALYZE record")
    first, deep = (search.sorted_list(status, sort, is_first=is_first) for is_first in (True, False))
    ((last_id, last_date),) = con.query(
        f"SELECT id, expiry_date FROM {first.all()} ORDER BY {first.order} OFFSET 15000 LIMIT 1", now=NOW
    )
    values = {"now": NOW, "limit": 50, "after_id": last_id, "after_date": last_date}
    needed = pages_read(con, search.page_sql(first.all(), first.order), now=NOW, limit=50)
    assert pages_read(con, search.page_sql(deep.all(), deep.order), **values) <= needed + 3


def _walk(
    con: Connection, status: Status, q: str | None, limit: int, sort: Sort | None = None
) -> list[dict[str, object]]:
    walked, after = [], None
    while True:
        page = search.page(con, status, con.now(), q=q, sort=sort, after=after, limit=limit)
        walked += json.loads(page.items)
        after = page.next
        if after is None:
            return walked


def _fill(con: Connection, count: int, is_expired: bool) -> None:
    """Pairs of records share an expiry date, so that the id has to decide."""
    con.query(
        """
        INSERT INTO record (title, expiry_date, is_expired)
        SELECT 'record ' || n, CAST(:now AS timestamptz) + make_interval(days => n / 2), :is_expired
        FROM generate_series(1, CAST(:count AS integer)) AS n
        """,
        now=NOW,
        count=count,
        is_expired=is_expired,
    )
