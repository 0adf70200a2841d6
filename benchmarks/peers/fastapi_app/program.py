"""The peer, called with API Gateway's events as Lambda would."""

from functools import partial
from types import SimpleNamespace
from typing import Any

from app import handler
from sqlalchemy import text
from tables import Base, Record, engine

from benchmarks.peers.protocol import seconds, serve

CONTEXT = SimpleNamespace(aws_request_id="00000000-0000-4000-8000-000000000000")
COPY = "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM record"
GO_ON = "SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM record"


def install() -> None:
    """Create a table with the rows of Slowmatch's."""
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for sql in (COPY, GO_ON, "ANALYZE {table}"):
            connection.execute(text(sql.format(table=Record.__tablename__)))


def answer(event: dict[str, Any]) -> dict[str, Any]:
    return handler(event, CONTEXT)


def repeat(event: dict[str, Any], times: int) -> float:
    return seconds(partial(handler, event, CONTEXT), times)


serve({"install": install, "answer": answer, "repeat": repeat})
