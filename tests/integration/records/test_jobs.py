"""The jobs on records, as Lambda invokes them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from db_cleanup.app import handler as db_cleanup
from record_expiry.app import handler as record_expiry
from slowmatch.db import Connection
from slowmatch.settings import settings
from tests.conftest import STACK, LambdaContext
from tests.integration.records.factories import add_records
from tests.support import queues

Handler = Callable[[Any, Any], Any]


def add_expiring(con: Connection, *days_ago: int, is_expired: bool = False) -> None:
    add_records(con, *(con.now() - timedelta(days=days) for days in days_ago), is_expired=is_expired)


def test_a_dry_run_only_counts(con: Connection, lambda_context: LambdaContext) -> None:
    add_expiring(con, 3, 2, 1, is_expired=True)
    run = db_cleanup({"payload": {"dry_run": True, "older_than_days": 2}}, lambda_context)
    assert run["result"] == {"would_delete": 2}
    assert con.query("SELECT count(*) FROM record") == [[3]]


def test_the_retention_can_be_another_for_one_run(con: Connection, lambda_context: LambdaContext) -> None:
    add_expiring(con, 3, 2, 1, is_expired=True)
    assert db_cleanup({"payload": {"older_than_days": 2}}, lambda_context)["result"] == {"deleted": 2}


@pytest.mark.parametrize(
    ("handler", "payload", "name"),
    [(record_expiry, {"batch_size": 1}, "expired"), (db_cleanup, {"older_than_days": 1}, "deleted")],
)
def test_long_work_goes_on_where_it_stopped(
    con: Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    handler: Handler,
    payload: dict[str, Any],
    name: str,
) -> None:
    monkeypatch.setenv("BATCH_SIZE", "1")
    settings.cache_clear()
    queues.create([f"{STACK}-{'record-expiry' if name == 'expired' else 'db-cleanup'}"])
    add_expiring(con, 4, 3, 2, is_expired=name == "deleted")
    run = handler({"payload": payload}, ShortOfTime(con, name == "deleted"))
    assert (run["state"], run["progress"]) == ("enqueued", {"done": 1, "total": 3})
    run = handler({"run_id": run["id"]}, LambdaContext())
    assert (run["state"], run["result"]) == ("succeeded", {name: 3})
    metric = f"Records{name.capitalize()}"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line[metric] for line in lines if metric in line] == [1, 2]


class ShortOfTime(LambdaContext):
    """Time is up as soon as the first of three records is done."""

    def __init__(self, con: Connection, deleting: bool) -> None:
        super().__init__()
        self._con = con
        self._undone = "true" if deleting else "NOT is_expired"

    def get_remaining_time_in_millis(self) -> int:
        ((undone,),) = self._con.query(f"SELECT count(*) FROM record WHERE {self._undone}")
        return 300_000 if undone == 3 else 0
