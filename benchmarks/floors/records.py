"""The floor of the records API: one prepared statement that reads the same JSON or commits the row."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from benchmarks.floors.bare import connect
from benchmarks.peers.protocol import seconds, serve

COLUMNS = """
    id, title,
    replace((created_at AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS created_at,
    replace((expiry_date AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS expiry_date,
    is_expired
"""
GET = f"SELECT to_json(answer)::text FROM (SELECT {COLUMNS} FROM record WHERE id = :id) AS answer"  # noqa: S608
LIST = f"""
    SELECT json_agg(line)::text
    FROM (SELECT {COLUMNS} FROM record ORDER BY id DESC LIMIT 50) AS line
"""  # noqa: S608
CREATE = "INSERT INTO record (title, expiry_date) VALUES (:title, :expiry_date)"


def trips() -> dict[str, Callable[[], object]]:
    con = connect()
    get, page, create = (con.prepare(sql).run for sql in (GET, LIST, CREATE))
    return {
        "get": partial(get, id=1),
        "list": page,
        "create": partial(create, title="Certificate", expiry_date=datetime(2031, 1, 1, tzinfo=UTC)),
    }


TRIPS = trips()


def answer(trip: str) -> dict[str, object]:
    return {"rows": TRIPS[trip]()}


def repeat(trip: str, times: int) -> float:
    return seconds(TRIPS[trip], times)


serve({"answer": answer, "repeat": repeat})
