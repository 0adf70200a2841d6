"""Counts that stay cheap: exact up to a cap, beyond it PostgreSQL's own estimate."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from slowmatch.db.connection import Connection

COUNT_CAP = 1_000
"""Statements count up to one more than this, through an index."""


def count_up_to_cap(rows: str, cap: int = COUNT_CAP) -> str:
    """The SQL that counts `rows` ("table WHERE ... ORDER BY ..."), up to one more than `cap`."""
    return f"(SELECT count(*) FROM (SELECT FROM {rows} LIMIT {cap + 1}) AS counted)"


class CappedCount(NamedTuple):
    """`number` is exact, or the cap if there are more (`capped`); `about` may then estimate them."""

    number: int
    capped: bool
    about: int | None = None

    @classmethod
    def of(cls, counted: int, cap: int = COUNT_CAP) -> "CappedCount":
        """What `count_up_to_cap` has counted."""
        return cls(min(counted, cap), counted > cap)


class CappedCounts:
    """Counts rows of `table`: under each name those of a condition, in the order of an index that has them."""

    def __init__(self, table: str, rows: Mapping[str, tuple[str, str]]) -> None:
        self._table = table
        self._conditions = {name: condition for name, (condition, _) in rows.items()}
        self.sql = "SELECT " + ", ".join(
            count_up_to_cap(f"{table} WHERE {condition} ORDER BY {order}")
            for condition, order in rows.values()
        )

    def read(self, con: Connection, **values: Any) -> dict[str, CappedCount]:
        """Beyond the cap, `about` is how many rows PostgreSQL's planner expects, in a fraction of a millisecond."""
        (row,) = con.query(self.sql, **values)
        found = {name: CappedCount.of(number) for name, number in zip(self._conditions, row, strict=True)}
        more = [name for name, count in found.items() if count.capped]
        if not more:
            return found
        parts = (f"(SELECT FROM {self._table} WHERE {self._conditions[name]})" for name in more)
        (((explained,),),) = con.query(f"EXPLAIN (FORMAT JSON) {' UNION ALL '.join(parts)}", **values)
        plan = explained["Plan"]
        for name, part in zip(more, plan["Plans"] if len(more) > 1 else [plan], strict=True):
            # Statistics from before most of the rows were there say nothing.
            about = part["Plan Rows"] if part["Plan Rows"] > COUNT_CAP else None
            found[name] = CappedCount(COUNT_CAP, True, about)
        return found
