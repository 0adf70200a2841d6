"""What a crash of PostgreSQL leaves of a run, at its worst: nothing is on the disk but what a commit waited for."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from local.environment import DATABASE, DATABASE_USER
from slowmatch.aws import secrets
from slowmatch.db import Connection, migrate
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import redelivery
from slowmatch.jobs.lifecycle import claim as claims
from slowmatch.jobs.lifecycle import finish as endings
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.queries import runs
from slowmatch.settings import Settings
from tests.chaos.database import Database, started

JOB, EXCLUSIVE = "send-test-mail", "record-expiry"
SUCCEEDED = endings.Ending("succeeded", "succeeded", "the handler returned", 0)


class Post:
    """A queue whose messages can be looked at."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message_batch(self, **batch: Any) -> dict[str, Any]:
        self.sent += [json.loads(entry["MessageBody"]) for entry in batch["Entries"]]
        return {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("crash")
    with started(folder, folder / "data") as database:
        yield database


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    post = Post()
    monkeypatch.setattr(messages, "sqs", lambda: post)
    return post


@pytest.fixture
def con(
    server: Database, environment: Settings, post: Post, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    login = {"username": DATABASE_USER, "password": server._password}
    monkeypatch.setattr(secrets, "read", lambda arn, *keys: login)
    config = dataclasses.replace(environment, db_port=server.port, db_name=DATABASE)
    with closing(Connection(config)) as con:
        migrate.apply(con)
        yield con
        con.query("DELETE FROM job_run")


def holder(con: Connection) -> claims.Holder:
    now = con.now()
    return claims.Holder("a worker", "a request", now, now + timedelta(minutes=3))


def claim(con: Connection, run_id: str) -> claims.Claim | None:
    return claims.claim(con, runs.get(con, run_id)["job"], run_id, 1, holder(con))


def finish(con: Connection, held: claims.Claim, ahead: endings.Ahead | None = None) -> bool:
    return endings.finish(con, held, SUCCEEDED, con.now(), None, None, [], ahead=ahead).mine


def state(con: Connection, run_id: str) -> str:
    return str(runs.get(con, run_id)["state"])


def test_a_claim_that_a_crash_took_back_leaves_the_run_to_the_next_worker(
    server: Database, con: Connection, post: Post
) -> None:
    run_id = enqueue(con, JOB).run_id
    first = server.crash_without_its_last_moments(lambda: claim(con, run_id))
    assert first and state(con, run_id) == "enqueued"
    post.sent.clear()
    assert redelivery.send_due(con, con.now() + redelivery.RESEND_AFTER) == 1
    assert post.sent == [{"run_id": run_id, "attempt": 1}], "its message was consumed, so it comes again"
    second = claim(con, run_id)
    assert second and second.attempt == first.attempt
    assert not endings.checkpoint(con, first, {"done": 1}, []) and not finish(con, first)
    assert state(con, run_id) == "processing" and finish(con, second)
    assert con.query("SELECT number, outcome FROM job_attempt") == [[1, "succeeded"]]


def test_what_is_finished_stays_finished_and_what_it_claimed_ahead_stays_claimed(
    server: Database, con: Connection
) -> None:
    run_id, next_id = (enqueue(con, JOB).run_id for _ in range(2))
    ahead = endings.Ahead(next_id, 1, lambda: holder(con))
    held = claim(con, run_id)
    assert held and server.crash_without_its_last_moments(lambda: finish(con, held, ahead))
    assert (state(con, run_id), state(con, next_id)) == ("succeeded", "processing")
    assert ahead.claim and finish(con, ahead.claim)


def test_a_checkpoint_keeps_the_claim_too(server: Database, con: Connection) -> None:
    run_id = enqueue(con, JOB).run_id

    def work() -> claims.Claim | None:
        held = claim(con, run_id)
        assert held and endings.checkpoint(con, held, {"done": 1}, [])
        return held

    held = server.crash_without_its_last_moments(work)
    assert held and state(con, run_id) == "processing" and finish(con, held)


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(
            lambda con: claim(con, enqueue(con, EXCLUSIVE).run_id), id="a claim of an exclusive job"
        ),
        pytest.param(
            lambda con: claims.start(con, JOBS[JOB], holder(con), trigger="direct", actor="ann"),
            id="a run that begins at once",
        ),
    ],
)
def test_what_may_not_be_undone_waits_for_the_disk(
    server: Database, con: Connection, begin: Callable[[Connection], claims.Claim | None]
) -> None:
    held = server.crash_without_its_last_moments(lambda: begin(con))
    assert held and state(con, held.run_id) == "processing" and finish(con, held)


def test_a_run_that_was_put_in_is_there(server: Database, con: Connection) -> None:
    made = server.crash_without_its_last_moments(lambda: enqueue(con, JOB))
    assert state(con, made.run_id) == "enqueued"
