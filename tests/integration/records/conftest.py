"""Enough records for PostgreSQL to have a choice."""

from datetime import UTC, datetime

import pytest

from slowmatch.db import Connection

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def crowd(con: Connection) -> Connection:
    """20,000 records, half of them expired, all dates different, and statistics about them."""
    con.query(
        """
        INSERT INTO record (title, expiry_date, is_expired)
        SELECT 'record ' || n, CAST(:now AS timestamptz) + make_interval(hours => 10000 - n), n > 10000
        FROM generate_series(1, 20000) AS n
        """,
        now=NOW,
    )
    con.query("ANALYZE record")
    return con
