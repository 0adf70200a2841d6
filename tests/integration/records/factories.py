"""Rows for the tests of records."""

from datetime import datetime

from slowmatch.db import Connection
from slowmatch.records import queries


def add_records(con: Connection, *dates: datetime, is_expired: bool = False) -> None:
    for date in dates:
        con.query(
            "INSERT INTO record (title, expiry_date, is_expired) VALUES ('x', :date, :is_expired)",
            date=date,
            is_expired=is_expired,
        )


def add_expired(con: Connection, expiry: datetime, title: str = "x") -> int:
    record_id, _ = queries.create(con, title, expiry, "ann")
    con.query("UPDATE record SET is_expired = true WHERE id = :id", id=record_id)
    return record_id


def add_event(con: Connection, at: datetime, action: str, count: int) -> None:
    con.query(
        "INSERT INTO record_event (at, action, count, actor) VALUES (:at, :action, :count, 'a job')",
        at=at,
        action=action,
        count=count,
    )


def expiry_dates(con: Connection, condition: str) -> list[datetime]:
    rows = con.query(f"SELECT expiry_date FROM record WHERE {condition} ORDER BY expiry_date")
    return [row[0] for row in rows]
