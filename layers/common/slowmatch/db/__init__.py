"""PostgreSQL: one connection per execution environment, and the migrations of the schema."""

from slowmatch.db.connection import Connection, connection
from slowmatch.db.errors import SchemaMissing, StatementError, TimedOut, Unavailable
from slowmatch.db.other_connection import OtherConnection, on_connection

__all__ = [
    "Connection",
    "OtherConnection",
    "SchemaMissing",
    "StatementError",
    "TimedOut",
    "Unavailable",
    "connection",
    "on_connection",
]
