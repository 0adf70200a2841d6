"""The look-ups that notifications add keep to their indexes, however many there were."""

import re
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs.lifecycle.finish import COUNT_FAILURES, NOTIFY
from slowmatch.notifications import delivery, publishing


@pytest.fixture
def many(con: Connection) -> None:
    con.query(
        """
        INSERT INTO notification (at, event, job, run_id, key, routed_at)
        SELECT now() - number * interval '1 minute', CASE number % 2 WHEN 0 THEN 'failed' ELSE 'recovered' END,
               CASE WHEN number < 10 THEN 'db-cleanup' ELSE 'job ' || number % 5 END,
               gen_random_uuid(), number::text, now()
        FROM generate_series(1, 20000) AS number
        """
    )
    con.query(
        """
        INSERT INTO notification_delivery (notification_id, destination, state, due_at, finished_at, answer)
        SELECT id, 'hook', 'sent', at, at, 'HTTP 200' FROM notification
        """
    )
    con.script("ANALYZE notification, notification_delivery")


def scans(con: Connection, sql: str, **params: Any) -> str:
    """The plan as text."""
    return "\n".join(row[0] for row in con.query("EXPLAIN " + sql, **params))


def test_whether_a_job_failed_before_is_one_look_into_an_index(con: Connection, many: None) -> None:
    plan = scans(
        con,
        f"""
        WITH finished AS (
            SELECT :id::uuid AS id, 'db-cleanup' AS job, 1 AS attempt, 'succeeded' AS state, 'succeeded' AS outcome,
                   NULL::text AS error, :now::timestamptz AS due_at, :now::timestamptz AS at
        ), {COUNT_FAILURES}
        {NOTIFY}
        """,
        id="01a20d25-5d63-70c1-974e-f133c2d38726",
        now=con.now(),
        notify_after_failures=3,
    )
    assert "notification_outcome" in plan and "Seq Scan on notification" not in plan, plan


def test_waiting_messages_have_an_index(con: Connection, many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []
    query = con.query

    def explained(sql: str, **params: Any) -> list[list[Any]]:
        plans.extend(row[0] for row in query("EXPLAIN " + sql, **params))
        return query(sql, **params)

    monkeypatch.setattr(con, "query", explained)
    publishing.publish_waiting(con, con.now())
    delivery.send_waiting(con, con.now())
    text = "\n".join(plans)
    assert "notification_unrouted" in text and "notification_delivery_waiting" in text
    assert not re.search(r"Seq Scan on notification(_delivery)?\b", text)
