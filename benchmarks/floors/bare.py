"""A bare pg8000 connection."""

import os
from urllib.parse import urlsplit

import pg8000.native


def connect() -> pg8000.native.Connection:
    """Connect to the database in DATABASE_URL."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return pg8000.native.Connection(
        url.username or "",
        password=url.password,
        host=url.hostname or "",
        port=url.port or 5432,
        database=url.path.strip("/"),
    )
