"""PostgreSQL: one connection per execution environment, and the migrations of the schema."""

from slowmatch.db.connection import Connection, connection
from slowmatch.db.errors import SchemaMissing, StatementError, TimedOut, Unavailable

__all__ = ["Connection", "SchemaMissing", "StatementError", "TimedOut", "Unavailable", "connection"]
