"""Counts for people: exact up to CAP, beyond it PostgreSQL's own estimate, so that each stays cheap."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from slowmatch.db.connection import Connection

CAP = 1_000
"""Statements count up to one more than this, through an index."""


def counting(rows: str, cap: int = CAP) -> str:
    """In SQL, how many `rows` there are ("table WHERE ... ORDER BY ..."), up to one more than `cap`."""
    return f"(SELECT count(*) FROM (SELECT FROM {rows} LIMIT {cap + 1}) AS counted)"


class Count(NamedTuple):
    """`number` is exact, or the cap when there are more than that (`capped`). `about` is then an estimate, if any."""

    number: int
    capped: bool
    about: int | None = None


def capped(counted: int, cap: int = CAP) -> Count:
    """What a statement that stopped at cap + 1 has counted."""
    return Count(min(counted, cap), counted > cap)


class Census:
    """Counts rows of `table`: under each name those of a condition, in the order of an index that has them."""

    def __init__(self, table: str, rows: Mapping[str, tuple[str, str]]) -> None:
        self._table = table
        self._which = {name: which for name, (which, _) in rows.items()}
        self.sql = "SELECT " + ", ".join(
            counting(f"{table} WHERE {which} ORDER BY {order}") for which, order in rows.values()
        )

    def take(self, con: Connection, **values: Any) -> dict[str, Count]:
        """Of what goes beyond CAP, `about` says how many rows PostgreSQL's planner expects."""
        (row,) = con.query(self.sql, **values)
        found = {name: capped(number) for name, number in zip(self._which, row, strict=True)}
        more = [name for name, count in found.items() if count.capped]
        expected = zip(more, self._expected(con, more, values), strict=True)
        return found | {name: Count(CAP, True, max(about, CAP + 1)) for name, about in expected}

    def _expected(self, con: Connection, names: list[str], values: Mapping[str, Any]) -> list[int]:
        """By the statistics of the last ANALYZE and the table's present size; takes a fraction of a millisecond."""
        if not names:
            return []
        parts = (f"(SELECT FROM {self._table} WHERE {self._which[name]})" for name in names)
        (((explained,),),) = con.query(f"EXPLAIN (FORMAT JSON) {' UNION ALL '.join(parts)}", **values)
        plan = explained["Plan"]
        return [part["Plan Rows"] for part in (plan["Plans"] if len(names) > 1 else [plan])]
