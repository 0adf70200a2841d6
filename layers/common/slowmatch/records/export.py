"""Exports: a list of records in parts that one answer can carry."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.records import search
from slowmatch.records.model import Position, Sort, Status
from slowmatch.records.queries import COLUMNS

PART_BYTES = 4_000_000
"""Of text, so that no part has more when it is compressed, however badly."""
LINE_BYTES = 92
"""What a line has besides its title: an id, two times, a mark, commas, quotes."""


@dataclass(frozen=True, slots=True)
class Part:
    """How many records it has, and where the next part begins, None at the end."""

    size: int
    next: Position | None


@dataclass(frozen=True, slots=True)
class List:
    """Which records, in which order, and after which one the part begins. `now` decides what is due."""

    status: Status
    q: str
    sort: Sort
    after: Position | None
    now: datetime


_SIZED = """
    (
        SELECT *, sum({line} + octet_length(replace(title, '"', '""'))) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING)
                  AS bytes
        FROM (SELECT * FROM record WHERE {where} ORDER BY {order} LIMIT {bytes} / {line}) AS record
    ) AS record
    WHERE bytes <= {bytes}
"""
_MEASURE = "SELECT id, expiry_date, count(*) OVER () FROM {sized} ORDER BY bytes DESC LIMIT 1"
_HAS_MORE = "SELECT FROM record WHERE {where} ORDER BY {order} LIMIT 1"
_ROWS = f"""
    SELECT COALESCE(json_agg(json_build_array(id, title, created_at, expiry_date, is_expired)), '[]')
    FROM (SELECT {COLUMNS} FROM {{sized}} ORDER BY bytes) AS line
"""


def measure(con: Connection, wanted: List) -> Part:
    where, params = _where(con, wanted)
    found = con.query(_MEASURE.format(sized=_sized(wanted, where)), **params)
    if not found:
        return Part(0, None)
    record_id, expiry_date, size = found[0]
    last = Position(record_id, expiry_date)
    return Part(size, last if _has_more(con, wanted, last) else None)


def rows(con: Connection, wanted: List) -> tuple[list[list[Any]], Position | None]:
    """The values of each record (id, title, created_at, expiry_date, is_expired), and where the next part begins."""
    where, params = _where(con, wanted)
    ((found,),) = con.query(_ROWS.format(sized=_sized(wanted, where)), **params)
    if not found:
        return [], None
    last = Position(found[-1][0], datetime.fromisoformat(found[-1][3]))
    return found, last if _has_more(con, wanted, last) else None


def _has_more(con: Connection, wanted: List, last: Position) -> bool:
    where, params = _where(con, replace(wanted, after=last))
    return bool(con.query(_HAS_MORE.format(where=where, order=search.ORDER[wanted.sort]), **params))


def _sized(wanted: List, where: str) -> str:
    return _SIZED.format(line=LINE_BYTES, bytes=PART_BYTES, where=where, order=search.ORDER[wanted.sort])


def _where(con: Connection, wanted: List) -> tuple[str, dict[str, object]]:
    where, params = search.matching(con, wanted.status, wanted.q)
    if wanted.after is not None:
        where += f" AND {search.AFTER[wanted.sort]}"
        params |= {"after_id": wanted.after.id, "after_date": wanted.after.expiry_date}
    return where, params | {"now": wanted.now}
