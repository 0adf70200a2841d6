"""Errors of the database, with messages for people."""

from typing import Any


class Unavailable(Exception):
    """The database cannot be reached, refuses us, or the connection was lost. Trying again may help."""


class TimedOut(Unavailable):
    """A statement took longer than its time-out and was cancelled."""


class StatementError(Exception):
    """PostgreSQL refused a statement; `sqlstate` and `constraint` say why."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__(details.get("M", "the statement failed"))
        self.sqlstate: str = details.get("C", "")
        self.constraint: str | None = details.get("n")

    @property
    def is_about_data(self) -> bool:
        """Whether PostgreSQL cannot hold the values: invalid (22), against a constraint (23), or too large (54).

        https://www.postgresql.org/docs/current/errcodes-appendix.html
        """
        return self.sqlstate.startswith(("22", "23", "54"))


class SchemaMissing(StatementError):
    """A table, column or function does not exist: the migrations have not been applied."""

    def __str__(self) -> str:
        return f"the database schema is not migrated ({self.args[0]}): invoke the migrate function"


def from_details(details: dict[str, Any]) -> Exception:
    sqlstate = details.get("C", "")
    # 57P and 08: the server shuts down, starts up or dropped us. 53300: too many connections. 25006: it is read-only,
    # as Aurora's former writer is after a failover; a new connection finds the new writer.
    if sqlstate.startswith(("57P", "08")) or sqlstate in ("53300", "25006"):
        return Unavailable(f"the database is not available: {details.get('M')}")
    if sqlstate == "57014":
        return TimedOut(
            f"the database took longer than DB_STATEMENT_TIMEOUT_SECONDS allows: {details.get('M')}"
        )
    if sqlstate in ("42P01", "42703", "42883"):
        return SchemaMissing(details)
    return StatementError(details)
