"""Lists of records, by status and by words of the title, and how long they are."""

import json
from datetime import datetime

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP, CappedCount, CappedCounts
from slowmatch.db.snapshot_cache import cached
from slowmatch.db.text_search import FIRST_WALK, MAX_PAGE_ROWS, SortedList, page_rows, walk, with_work_mem
from slowmatch.records.model import SOON_HOURS, SORTS, Position, RecordPage, Sort, Status
from slowmatch.records.queries import COLUMNS

WHERE: dict[Status, str] = {
    "all": "true",
    "active": "NOT is_expired AND expiry_date > :now::timestamptz",
    "due": "NOT is_expired AND expiry_date <= :now::timestamptz",
    "soon": "NOT is_expired AND expiry_date > :now::timestamptz"
    f" AND expiry_date <= :now::timestamptz + interval '{SOON_HOURS} hours'",
    "expired": "is_expired",
}
ORDER: dict[Sort, str] = {
    "created": "id",
    "-created": "id DESC",
    "expiry_date": "expiry_date, id",
    "-expiry_date": "expiry_date DESC, id DESC",
}
# With the date alone as well, and before the condition of the list: beside a pair, PostgreSQL enters the index at the
# first bound of the date that it meets, and not at the narrowest one.
AFTER: dict[Sort, str] = {
    "created": "id > :after_id",
    "-created": "id < :after_id",
    "expiry_date": "expiry_date >= :after_date::timestamptz"
    " AND (expiry_date, id) > (:after_date::timestamptz, :after_id)",
    "-expiry_date": "expiry_date <= :after_date::timestamptz"
    " AND (expiry_date, id) < (:after_date::timestamptz, :after_id)",
}
_UNMARKED = "unmarked"
COUNTS = CappedCounts(
    "record",
    {status: (where, ORDER[SORTS[status][0]]) for status, where in WHERE.items()}
    | {_UNMARKED: ("NOT is_expired", ORDER["expiry_date"])},
)
WALKS = (FIRST_WALK, 100_000)

BY_WORDS = "search_words(title) @@ search_query(:q)"
# The same titles; LIKE rules most of the others out in a tenth of the time that making their words takes.
BY_LETTERS = f"lower(title) LIKE ALL (:parts::text[]) AND {BY_WORDS}"
BY_RARE_WORDS = "search_words(title) @@ search_query(:rare)"
# The first two conditions are those of the index on signs; the last wants the signs in this order.
BY_SIGNS = """title ~ '[^[:alnum:][:space:]]' AND search_signs(title) @> search_signs(:q)
    AND position(lower(:q) IN lower(title)) > 0"""

EXPECTED_ROWS = "EXPLAIN (FORMAT JSON) SELECT FROM record WHERE search_words(title) @@ search_query(:word)"


def page(
    con: Connection,
    status: Status,
    now: datetime,
    *,
    q: str | None = None,
    sort: Sort | None = None,
    after: Position | None = None,
    limit: int,
) -> RecordPage:
    """Up to `limit` records, in the order `sort`, which must be one of the list's SORTS; the first of them for None.

    `q` keeps titles with all its words, each of which may be the beginning of one. A `q` without words, such
    as an emoji, keeps titles that contain it.
    """
    limit = min(limit, MAX_PAGE_ROWS)
    rows = sorted_list(status, sort, is_first=after is None)
    params: dict[str, object] = {"limit": limit, "q": q, "now": now}
    if after is not None:
        params |= {"after_id": after.id, "after_date": after.expiry_date}

    def fetch(source: str) -> RecordPage:
        ((text,),) = con.query(page_sql(source, rows.order), **params)
        return _page(text, limit)

    if q is None or not q.strip():
        return fetch(rows.all())
    ((words,),) = con.query("SELECT tsvector_to_array(search_words(:q))", q=q)
    if not words:
        found = walk(rows, BY_SIGNS, fetch, limit=limit, walks=WALKS[:1])  # signs take three times as long
        if found is not None:
            return found
        with with_work_mem(con):
            return fetch(rows.indexed(BY_SIGNS))
    params["parts"] = [f"%{word}%" for word in words]
    found = walk(rows, BY_LETTERS, fetch, limit=limit, walks=WALKS)
    if found is not None:
        return found
    rare = rare_words(con, words)
    params["rare"] = " ".join(rare)
    with with_work_mem(con):
        if rare == words:
            return fetch(rows.indexed(BY_WORDS))
        return fetch(f"{rows.indexed(BY_RARE_WORDS)} WHERE {BY_LETTERS}")


def sorted_list(status: Status, sort: Sort | None = None, *, is_first: bool = True) -> SortedList:
    order = sort or SORTS[status][0]
    where = WHERE[status] if is_first else f"{AFTER[order]} AND {WHERE[status]}"
    return SortedList("record", where, ORDER[order])


def matching(con: Connection, status: Status, q: str) -> tuple[str, dict[str, object]]:
    """The condition for the records of a list whose titles match `q`, with its parameters except `now`."""
    if not q.strip():
        return WHERE[status], {}
    ((words,),) = con.query("SELECT tsvector_to_array(search_words(:q))", q=q)
    if not words:
        return f"{WHERE[status]} AND {BY_SIGNS}", {"q": q}
    return f"{WHERE[status]} AND {BY_LETTERS}", {"q": q, "parts": [f"%{word}%" for word in words]}


def page_sql(source: str, order: str) -> str:
    """One record a line: JSON text has no line feeds."""
    return f"""
        SELECT COALESCE(string_agg(to_json(line)::text, ',' || chr(10)), '')
        FROM (SELECT {COLUMNS} FROM {page_rows(source, order)} AS record) AS line
    """


def rare_words(con: Connection, words: list[str]) -> list[str]:
    """The words to collect titles by: all except those that are ten times as common as the rarest.

    The index would read all titles of a common word. How common a word is, PostgreSQL's statistics tell.
    """
    if len(words) == 1:
        return words
    expected = [con.query(EXPECTED_ROWS, word=word)[0][0][0]["Plan"]["Plan Rows"] for word in words]
    return [word for word, rows in zip(words, expected, strict=True) if rows <= 10 * min(expected)]


def _page(text: str, limit: int) -> RecordPage:
    lines = text.split(",\n") if text else []
    if len(lines) <= limit:
        return RecordPage(f"[{','.join(lines)}]", len(lines), None)
    last = json.loads(lines[limit - 1])
    items = ",".join(lines[:limit])
    return RecordPage(f"[{items}]", limit, Position(last["id"], datetime.fromisoformat(last["expiry_date"])))


def status_counts(con: Connection, now: datetime) -> dict[str, CappedCount]:
    """The number of records of each Status, at most a minute old."""
    minute = now.replace(second=0, microsecond=0)
    return cached(con, ("records", minute), lambda: _read_counts(con, now))


def _read_counts(con: Connection, now: datetime) -> dict[str, CappedCount]:
    """The planner takes mark and date for independent, so it cannot estimate conditions on both."""
    found = COUNTS.read(con, now=now)
    unmarked = found.pop(_UNMARKED).about
    for status in ("active", "due", "soon"):
        found[status] = found[status]._replace(about=None)
    if unmarked and found["active"].capped and not found["due"].capped:
        found["active"] = found["active"]._replace(about=max(unmarked - found["due"].number, COUNT_CAP + 1))
    return found
