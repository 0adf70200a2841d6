"""Applies the migrations that are on standard input, as JSON, in a process that a test may kill."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slowmatch.aws import secrets
from slowmatch.db import Connection, migrate
from slowmatch.db.migration import Migration
from slowmatch.settings import Settings

ROOT = Path(__file__).parents[3]


@contextmanager
def process(database: str, files: list[Migration]) -> Iterator[None]:
    """It is killed at the end of the block, wherever it is."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("layers/common", "."))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.db.migrating"],
        cwd=ROOT,
        env=os.environ | {"DB_NAME": database, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as started:
        try:
            assert started.stdin is not None
            json.dump([(file.version, file.name, file.sql) for file in files], started.stdin)
            started.stdin.close()
            yield
        finally:
            started.kill()


def main() -> None:
    secrets.read = lambda arn, *keys: {"username": "postgres", "password": "-"}
    files = [Migration(*file) for file in json.load(sys.stdin)]
    migrate.apply(Connection(Settings.from_env(os.environ)), files)


if __name__ == "__main__":
    main()
