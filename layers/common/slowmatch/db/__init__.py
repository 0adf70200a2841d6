"""PostgreSQL: one connection per process, and the migrations of the schema."""

from slowmatch.db.connection import Connection, connection
from slowmatch.db.errors import SchemaMissing, StatementError, TimedOut, Unavailable
from slowmatch.db.external_connection import ExternalConnection, on_connection

__all__ = [
    "Connection",
    "ExternalConnection",
    "SchemaMissing",
    "StatementError",
    "TimedOut",
    "Unavailable",
    "connection",
    "on_connection",
]
