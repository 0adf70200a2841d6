"""Work inside a transaction that other code has begun on its own pg8000 connection."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pg8000.native
from pg8000.core import IDLE


class ExternalConnection:
    """Runs statements on `connection`, and leaves the transaction of its owner to them.

    Errors are those of pg8000.
    """

    def __init__(self, connection: pg8000.native.Connection) -> None:
        self._connection = connection
        self._after_commit: list[Callable[[], object]] = []

    def query(self, sql: str, **params: Any) -> list[list[Any]]:
        rows: list[list[Any]] | None = self._connection.run(sql, **params)
        return rows or []

    def now(self) -> datetime:
        """PostgreSQL's clock (aware, UTC)."""
        ((at,),) = self.query("SELECT clock_timestamp()")
        now: datetime = at.astimezone(UTC)
        return now

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """An error undoes what the block did, and nothing else in the transaction of the owner, if there is one."""
        begin, keep, undo = "SAVEPOINT block", "RELEASE SAVEPOINT block", "ROLLBACK TO SAVEPOINT block"
        if self._connection._transaction_status == IDLE:  # noqa: SLF001 - not published
            begin, keep, undo = "BEGIN", "COMMIT", "ROLLBACK"
        self._connection.run(begin)
        before = len(self._after_commit)
        try:
            yield
        except BaseException:
            del self._after_commit[before:]
            self._connection.run(undo)
            raise
        self._connection.run(keep)

    def after_commit(self, action: Callable[[], object]) -> None:
        """Keep `action` until `announce` is called."""
        self._after_commit.append(action)

    def announce(self) -> None:
        """Send the messages of the enqueued runs. Call this when the transaction has committed.

        Otherwise the dispatcher sends them, ten to fifteen minutes after the runs are due.
        """
        actions, self._after_commit = self._after_commit, []
        for action in actions:
            action()


def on_connection(connection: pg8000.native.Connection) -> ExternalConnection:
    """Let `enqueue` work in the transaction that you have begun on your own pg8000 connection."""
    return ExternalConnection(connection)
