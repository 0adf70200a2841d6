"""`python -m local seed`: records to look at, into the database of the running stack."""

from collections.abc import Iterator
from contextlib import contextmanager

import pg8000.native

from local.environment import DATABASE, DATABASE_USER, HOST, Folders, Ports
from local.errors import StackError
from local.seed import certificates
from local.seed import runs as seed_runs
from local.seed.certificates import Certificate
from local.seed.progress import Progress
from local.services.postgres import password

CHUNK_ROWS = 50_000
KINDS = "Certificate Contract Domain Insurance Licence Passport Permit Subscription Visa Warranty".split()
_UNDEFINED_TABLE = "42P01"


class SeedError(StackError):
    """There is no database to load records into."""


def run(ports: Ports, folders: Folders, rows: int, runs: int) -> int:
    """Load the certificates, which is harmless to repeat, and synthetic records and runs; the exit status."""
    with connect(ports, folders) as connection:
        added = add_certificates(connection, certificates.bundle())
        remark = "" if added else ": all were there"
        print(f"{added} certificates of the CA bundle added as records{remark}")
        if rows > 0:
            add_synthetic(connection, rows, Progress(rows, "records"))
        if runs > 0:
            seed_runs.add(connection, runs, Progress(runs, "runs"))
        connection.run("VACUUM (ANALYZE) record")
        [(count,)] = connection.run("SELECT count(*) FROM record")
        print(f"{count:,} records in all: http://{HOST}:{ports.gateway}/api/records")
    return 0


@contextmanager
def connect(ports: Ports, folders: Folders) -> Iterator[pg8000.native.Connection]:
    """A connection to the running stack's database. Raises SeedError when there is none."""
    connection = _open(ports, folders)
    try:
        yield connection
    except pg8000.native.DatabaseError as error:
        said = error.args[0]
        if said.get("C") == _UNDEFINED_TABLE:
            raise SeedError("the tables are not there yet: start the stack first (make run)") from error
        raise SeedError(f"PostgreSQL said: {said.get('M')}") from error
    finally:
        connection.close()


def _open(ports: Ports, folders: Folders) -> pg8000.native.Connection:
    where = f"{HOST}:{ports.postgres}"
    login = {"user": DATABASE_USER, "password": password(folders.data), "database": DATABASE}
    try:
        return pg8000.native.Connection(host=HOST, port=ports.postgres, **login)
    except pg8000.native.InterfaceError as error:
        raise SeedError(f"nothing answers on {where}: start the stack first (make run)") from error
    except pg8000.native.DatabaseError as error:
        said = error.args[0].get("M")
        raise SeedError(f"the PostgreSQL on {where} is not the one of {folders.data}: {said}") from error


def is_empty(connection: pg8000.native.Connection) -> bool:
    [(empty,)] = connection.run("SELECT NOT EXISTS (SELECT FROM record)")
    return bool(empty)


def add_certificates(connection: pg8000.native.Connection, found: list[Certificate]) -> int:
    """How many were added: those that have no record with their subject and date yet."""
    [(added,)] = connection.run(
        """
        WITH added AS (
            INSERT INTO record (title, expiry_date)
            SELECT title, expiry_date
            FROM unnest(CAST(:titles AS text[]), CAST(:dates AS timestamptz[]))
                AS certificate (title, expiry_date)
            WHERE NOT EXISTS (
                SELECT FROM record
                WHERE record.expiry_date = certificate.expiry_date
                AND record.title = certificate.title
            )
            RETURNING 1
        ), noted AS (
            INSERT INTO record_event (action, count, actor)
            SELECT 'created', count(*), 'make seed' FROM added HAVING count(*) > 0
        )
        SELECT count(*) FROM added
        """,
        titles=[certificate.subject[:500] for certificate in found],
        dates=[certificate.not_after for certificate in found],
    )
    return int(added)


def add_synthetic(connection: pg8000.native.Connection, rows: int, progress: Progress) -> None:
    """Created over the last year, each good for up to two years: about one in four is over by now."""
    # The index of title words takes new entries in bulk: half the time of one by one.
    connection.run("SET gin_pending_list_limit = '64MB'")
    connection.run("SET maintenance_work_mem = '256MB'")
    statement = connection.prepare(
        """
        INSERT INTO record (title, created_at, expiry_date)
        SELECT title, created_at, created_at + random() * interval '730 days'
        FROM (
            SELECT
                kinds[CAST(1 + floor(random() * cardinality(kinds)) AS int)]
                    || ' no. ' || CAST(random() * 10000 AS int) AS title,
                now() - random() * interval '365 days' AS created_at
            FROM generate_series(1, CAST(:count AS int)), CAST(:kinds AS text[]) AS kinds
        ) AS drawn
        """
    )
    for done in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - done)
        statement.run(kinds=KINDS, count=count)
        progress.update(done + count)
    connection.run(
        """
        INSERT INTO record_hour (hour, created, expired)
        SELECT date_trunc('hour', at, 'UTC'), sum(created), sum(expired)
        FROM (
            SELECT created_at AS at, 1 AS created, 0 AS expired FROM record
            UNION ALL
            SELECT expiry_date, 0, 1 FROM record WHERE expiry_date BETWEEN created_at AND now()
        ) AS happened
        WHERE at > now() - interval '30 days' AND at < date_trunc('hour', now(), 'UTC') - interval '2 hours'
        GROUP BY 1
        ON CONFLICT (hour) DO UPDATE SET created = EXCLUDED.created, expired = EXCLUDED.expired
        """
    )
