"""`python -m local seed`: loads records into the database of the running stack.

The certificates of certifi's CA bundle are records that really expire.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pg8000.native

from local.environment import DATABASE, DATABASE_USER, HOST, Folders, Ports
from local.errors import StackError
from local.output import Progress
from local.seed import runs as synthetic_runs
from local.services.postgres import password

CHUNK_ROWS = 50_000
KINDS = "Certificate Contract Domain Insurance Licence Passport Permit Subscription Visa Warranty".split()
_UNDEFINED_TABLE = "42P01"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class SeedError(StackError):
    """There is no database to load records into."""


@dataclass(frozen=True, order=True)
class Certificate:
    """`subject` as an RFC 4514 string; `not_after` in UTC."""

    subject: str
    not_after: datetime


def bundled_certificates() -> list[Certificate]:
    """Those of certifi's bundle, sorted, each once."""
    import certifi

    return read_certificates(Path(certifi.where()).read_bytes())


def read_certificates(pem: bytes) -> list[Certificate]:
    """The certificates in PEM; one that breaks the rules and cannot be parsed is left out."""
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    found = set()
    for block in _PEM.findall(pem):
        with warnings.catch_warnings():
            # Serial numbers that RFC 5280 disallows do not matter here.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            try:
                certificate = x509.load_pem_x509_certificate(block)
                found.add(Certificate(certificate.subject.rfc4514_string(), certificate.not_valid_after_utc))
            except ValueError:
                continue
    return sorted(found)


def run(ports: Ports, folders: Folders, rows: int, runs: int) -> int:
    """Load the certificates that are missing, and synthetic records and runs. Returns the exit status."""
    with connect(ports, folders) as connection:
        added = add_certificates(connection, bundled_certificates())
        remark = "" if added else ": all of them already exist"
        print(f"{added} certificates of the CA bundle added as records{remark}")
        if rows > 0:
            add_synthetic(connection, rows, Progress(rows, "records"))
        if runs > 0:
            synthetic_runs.add(connection, runs, Progress(runs, "runs"))
        connection.run("VACUUM (ANALYZE) record")
        [(count,)] = connection.run("SELECT count(*) FROM record")
        print(f"{count:,} records in total: http://{HOST}:{ports.gateway}/api/records")
    return 0


@contextmanager
def connect(ports: Ports, folders: Folders) -> Iterator[pg8000.native.Connection]:
    """A connection to the running stack's database. Raises SeedError."""
    connection = _open(ports, folders)
    try:
        yield connection
    except pg8000.native.DatabaseError as error:
        said = error.args[0]
        if said.get("C") == _UNDEFINED_TABLE:
            raise SeedError("there are no tables yet: start the stack first (make run)") from error
        raise SeedError(f"PostgreSQL reports: {said.get('M')}") from error
    finally:
        connection.close()


def _open(ports: Ports, folders: Folders) -> pg8000.native.Connection:
    where = f"{HOST}:{ports.postgres}"
    login = {"user": DATABASE_USER, "password": password(folders.data), "database": DATABASE}
    try:
        return pg8000.native.Connection(host=HOST, port=ports.postgres, **login)
    except pg8000.native.InterfaceError as error:
        raise SeedError(f"nothing is listening on {where}: start the stack first (make run)") from error
    except pg8000.native.DatabaseError as error:
        said = error.args[0].get("M")
        raise SeedError(f"the PostgreSQL on {where} does not belong to {folders.data}: {said}") from error


def is_empty(connection: pg8000.native.Connection) -> bool:
    [(empty,)] = connection.run("SELECT NOT EXISTS (SELECT FROM record)")
    return bool(empty)


def add_certificates(connection: pg8000.native.Connection, certificates: list[Certificate]) -> int:
    """Add those whose subject and date no record has yet. Returns their number."""
    [(added,)] = connection.run(
        """
        WITH added AS (
            INSERT INTO record (title, expiry_date)
            SELECT title, expiry_date
            FROM unnest(:titles::text[], :dates::timestamptz[])
                AS certificate (title, expiry_date)
            WHERE NOT EXISTS (
                SELECT FROM record
                WHERE record.expiry_date = certificate.expiry_date
                AND record.title = certificate.title
            )
            RETURNING 1
        ), audited AS (
            INSERT INTO record_event (action, count, actor)
            SELECT 'created', count(*), 'make seed' FROM added HAVING count(*) > 0
        )
        SELECT count(*) FROM added
        """,
        titles=[certificate.subject[:500] for certificate in certificates],
        dates=[certificate.not_after for certificate in certificates],
    )
    return int(added)


def add_synthetic(connection: pg8000.native.Connection, rows: int, progress: Progress) -> None:
    """Add records of the last year, oldest first, each valid for up to two years: about one in four has expired."""
    # Entries of the title index are added in bulk, in half the time.
    connection.run("SET gin_pending_list_limit = '64MB'")
    connection.run("SET maintenance_work_mem = '256MB'")
    statement = connection.prepare(
        """
        INSERT INTO record (title, created_at, expiry_date)
        SELECT title, created_at, created_at + random() * interval '730 days'
        FROM (
            SELECT
                kinds[(1 + floor(random() * cardinality(kinds)))::int]
                    || ' no. ' || (random() * 10000)::int AS title,
                now() - interval '365 days' * (1 - (:done::int + n - random()) / :rows::int) AS created_at
            FROM generate_series(1, :count::int) AS n, CAST(:kinds AS text[]) AS kinds
        ) AS drawn
        """
    )
    for done in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - done)
        statement.run(kinds=KINDS, count=count, done=done, rows=rows)
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
