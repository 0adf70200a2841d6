"""One pg8000 connection: opened when first needed, kept while it lives, replaced when it has died.

Each statement is prepared once per connection. Outside `transaction()` each statement is its own transaction.
A statement that was sent is never repeated, because nobody knows whether it took effect: the caller gets
Unavailable, and the next statement opens a new connection.
"""

import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pg8000.core
import pg8000.native
from pg8000.core import IDLE
from scramp import ScramException

from slowmatch.aws import secrets
from slowmatch.db.errors import TimedOut, Unavailable, from_details
from slowmatch.deadline import NEVER, Deadline
from slowmatch.settings import Settings, settings

CONNECT_TIMEOUT_SECONDS = 10
IDLE_SECONDS_BEFORE_PING = 30
SECONDS_BEFORE_TEST = 1
"""How long after an answer `now` does not look whether the connection is alive: a batch asks twice for each run."""
INVALID_PASSWORD = "28P01"
ROLLBACK = re.compile(r"\b(ROLLBACK|ABORT)(\s+(WORK|TRANSACTION))?[\s;]*$", re.IGNORECASE)
"""What a statement ends with that ends its transaction without effect."""

# PostgreSQL sends its answer at Sync. The Flush messages that pg8000 adds split the answer into three packets, each
# waited for. Claiming and finishing a run takes 13 % less CPU time without them (2.2 ms instead of 2.5 ms, client and
# server, on two busy cores); encoding and decoding of our own gained nothing beyond that.
# https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
pg8000.core.FLUSH_MSG = b""


class Connection:
    """Reconnects between statements. For one thread at a time."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._pg8000: pg8000.native.Connection | None = None
        self._incoming = select.poll()
        self._statements: dict[str, Any] = {}
        self._in_transaction = False
        self._after_commit: list[Callable[[], object]] = []
        self._used_at = 0.0
        self._deadline = NEVER
        self._statement_seconds = self._session_seconds = config.db_statement_timeout_seconds
        self.clock_offset = timedelta(0)
        """The database's clock minus this machine's."""

    def query(self, sql: str, **params: Any) -> list[list[Any]]:
        """Run one statement and return its rows.

        Raises Unavailable, SchemaMissing or StatementError.
        """
        rows: list[list[Any]] = self._run(sql, params).rows
        return rows

    def execute(self, sql: str, **params: Any) -> int:
        """Run one statement without RETURNING, and return how many rows it changed. Raises as `query` does."""
        return int(self._run(sql, params).row_count)

    def _run(self, sql: str, params: dict[str, Any]) -> Any:
        with self._translating_errors():
            self._ensure_connected()
            statement = self._statements.get(sql)
            if statement is None:
                statement = self._statements[sql] = self._connected().prepare(sql)
            statement.run(**params)
        self._used_at = time.monotonic()
        answer = statement._context  # noqa: SLF001 - only there does pg8000 have the number of rows
        self._act_after_commit(sql)
        return answer

    def script(self, sql: str) -> None:
        """Run several statements in one simple-protocol call, which is one transaction."""
        with self._translating_errors():
            self._ensure_connected()
            self._connected().run(sql)
        self._act_after_commit(sql)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all that the block did, or nothing. Within a transaction, it is a part of that."""
        if self._is_transaction_open():
            yield
            return
        with self._translating_errors():
            self._ensure_connected()
            self._connected().run("BEGIN")
        self._in_transaction = True
        try:
            yield
            with self._translating_errors():
                self._connected().run("COMMIT")
        except BaseException:
            self._after_commit.clear()
            if self._pg8000 is not None:
                try:
                    self._pg8000.run("ROLLBACK")
                except (pg8000.native.Error, OSError):
                    self.close()
            raise
        finally:
            self._in_transaction = False
        self._act_after_commit()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A transaction, or a part of one: an error undoes what the block did, and the outer transaction goes on."""
        if not self._is_transaction_open():
            with self.transaction():
                yield
            return
        self.script("SAVEPOINT block")
        before = len(self._after_commit)
        try:
            yield
        except BaseException:
            del self._after_commit[before:]
            with suppress(Unavailable):
                self.script("ROLLBACK TO SAVEPOINT block")
            raise
        self.script("RELEASE SAVEPOINT block")

    def abandon_transaction(self) -> bool:
        """Roll back a transaction that nobody is going to end; False if there is none."""
        if not self._is_transaction_open():
            return False
        self._in_transaction = False
        self._after_commit.clear()
        if self._pg8000 is not None:
            with self._translating_errors():
                self._pg8000.run("ROLLBACK")
        return True

    def after_commit(self, action: Callable[[], object]) -> None:
        """Call `action` once the current transaction has committed, or now when there is none.

        After a rollback, `action` is forgotten, also if the transaction began and ended by statements.
        """
        self._after_commit.append(action)
        self._act_after_commit()

    def _act_after_commit(self, sql: str = "") -> None:
        """Act if no transaction is open any more, unless `sql` rolled it back."""
        if self._after_commit and not self._is_transaction_open():
            actions, self._after_commit = self._after_commit, []
            if not ROLLBACK.search(sql):
                for action in actions:
                    action()

    def _is_transaction_open(self) -> bool:
        status = IDLE if self._pg8000 is None else self._pg8000._transaction_status  # noqa: SLF001 - not published
        return self._in_transaction or status not in (IDLE, None)

    @contextmanager
    def limited_to(self, seconds: int) -> Iterator[None]:
        """Wait at most `seconds` in all for the answers within the block; then raise TimedOut.

        PostgreSQL cancels a statement by itself after that time. A server that says nothing any more is left alone.
        """
        self._deadline = Deadline(time.monotonic() + seconds)
        self._statement_seconds = min(seconds, self._config.db_statement_timeout_seconds)
        try:
            yield
        finally:
            self._deadline = NEVER
            self._statement_seconds = self._config.db_statement_timeout_seconds

    def now(self) -> datetime:
        """PostgreSQL's clock (aware, UTC), from the offset measured when the connection was made or tested.

        All workers share this clock, so one whose own clock is wrong neither starts early nor loses a lease.
        """
        if self._pg8000 is None or time.monotonic() - self._used_at > SECONDS_BEFORE_TEST:
            with self._translating_errors():
                self._ensure_connected()
        return datetime.now(UTC) + self.clock_offset

    def close(self) -> None:
        closing, self._pg8000 = self._pg8000, None
        self._statements.clear()
        self._after_commit.clear()
        if closing is not None:
            with suppress(pg8000.native.Error, OSError):
                closing.close()

    def _ensure_connected(self) -> None:
        """Connect, unless there is a live connection or a transaction, which a new connection would not continue."""
        seconds_left = self._seconds_left()
        if self._pg8000 is not None:
            _socket(self._pg8000).settimeout(seconds_left)
        if self._in_transaction:
            return
        if self._pg8000 is not None:
            # A server that closed the connection left an end of file to read; a dead network shows only as silence.
            silent_seconds = time.monotonic() - self._used_at
            if not self._incoming.poll(0) and silent_seconds <= IDLE_SECONDS_BEFORE_PING:
                self._set_statement_timeout()
                return
            with suppress(pg8000.native.Error, OSError):
                self._ping()
                self._set_statement_timeout()
                return
            self.close()
        self._pg8000 = self._open()
        self._incoming = select.poll()
        self._incoming.register(_socket(self._pg8000), select.POLLIN)
        self._ping()

    def _seconds_left(self) -> float:
        """How long to wait for an answer: until the deadline, and not much longer than a statement may take."""
        if self._deadline.is_over:
            raise TimedOut("the time limit was over before the statement was sent")
        return min(self._deadline.seconds_left, self._statement_seconds + CONNECT_TIMEOUT_SECONDS)

    def _set_statement_timeout(self) -> None:
        """Tell PostgreSQL when to cancel a statement, if that has changed: it costs a round trip."""
        if self._session_seconds != self._statement_seconds:
            self._connected().run(f"SET statement_timeout = '{self._statement_seconds}s'")
            self._session_seconds = self._statement_seconds

    def _ping(self) -> None:
        ((at,),) = self._connected().run("SELECT clock_timestamp()")
        self.clock_offset = at - datetime.now(UTC)
        self._used_at = time.monotonic()

    def _connected(self) -> Any:
        if self._pg8000 is None:
            raise Unavailable("the connection to the database was lost")
        return self._pg8000

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """Raise our errors for those of pg8000, and close a connection that is no longer usable."""
        try:
            yield
        except (pg8000.native.Error, OSError) as error:
            if isinstance(error, pg8000.native.DatabaseError):
                translated = from_details(error.args[0])
            elif self._deadline.is_over:
                translated = TimedOut("the database did not answer in time")
            else:
                translated = Unavailable(f"the connection to the database was lost: {error}")
            if isinstance(translated, Unavailable):
                self.close()
            raise translated from error

    def _open(self) -> pg8000.native.Connection:
        try:
            try:
                return self._login()
            except pg8000.native.DatabaseError as error:
                if error.args[0].get("C") != INVALID_PASSWORD:
                    raise
                return self._login()  # reads the secret again, which was rotated after the first reading
        except (pg8000.native.Error, OSError) as error:
            raise Unavailable(self._refusal(error)) from error
        except (ScramException, UnicodeError):  # whose text can quote the password
            raise Unavailable(
                f"signing in to the database failed: check the username and password in the secret"
                f" DB_SECRET_ARN={self._config.db_secret_arn}, which may contain a character that is not allowed"
            ) from None

    def _login(self) -> pg8000.native.Connection:
        config = self._config
        secret = secrets.read(config.db_secret_arn, "username", "password")
        opened = pg8000.native.Connection(
            secret["username"],
            password=secret["password"],
            host=config.db_host,
            port=config.db_port,
            database=config.db_name,
            timeout=min(CONNECT_TIMEOUT_SECONDS, self._seconds_left()),
            ssl_context=tls_context(config),
            application_name=config.stack_name,
            startup_params={
                "statement_timeout": f"{self._statement_seconds}s",
                "timezone": "UTC",
                "datestyle": "ISO",
                # Our queries take less time than starting a second process would.
                "max_parallel_workers_per_gather": "0",
            },
        )
        self._session_seconds = self._statement_seconds
        _socket(opened).settimeout(self._seconds_left())  # instead of the time-out of connecting
        # As libpq does. Otherwise a statement of more than 8 KB leaves in pieces, and the last one waits 40 ms for the
        # server to acknowledge the one before.
        _socket(opened).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def _refusal(self, error: Exception) -> str:
        config = self._config
        details = error.args[0] if isinstance(error, pg8000.native.DatabaseError) else {"M": error}
        said = details.get("M")
        if details.get("C") == INVALID_PASSWORD:
            return (
                f"the database refused the password in the secret DB_SECRET_ARN={config.db_secret_arn}: {said};"
                " put the database user's current password there"
            )
        advice = "check DB_HOST, DB_PORT, DB_NAME and the network connection to the database"
        if "SSL" in str(said) or isinstance(error.__cause__ or error, ssl.SSLError):
            advice = "the server refuses TLS or its certificate is not trusted: check DB_TLS and DB_CA_FILE"
        return (
            f"the database {config.db_name!r} at {config.db_host}:{config.db_port} is not available: {said};"
            f" {advice}"
        )


def _socket(connection: Any) -> socket.socket:
    """pg8000 does not publish its socket, and TLS replaces one that a caller passes."""
    found: socket.socket = connection._usock  # noqa: SLF001
    return found


def tls_context(config: Settings) -> ssl.SSLContext | bool:
    """The value of pg8000's `ssl_context` for DB_TLS; False means no TLS."""
    if config.db_tls == "disable":
        return False
    try:
        context = ssl.create_default_context(cafile=config.db_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            f"DB_CA_FILE is {config.db_ca_file!r}, which cannot be read: {error}; make deploy puts the"
            f" certificates of Amazon RDS there (docs/deploy.md)"
        ) from error
    if config.db_tls == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@cache
def connection() -> Connection:
    return Connection(settings())
