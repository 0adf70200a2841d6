"""Two thousand runs while processes are killed, PostgreSQL stops, mail fails and messages go astray."""

import email
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.chaos.database import Database, started
from tests.chaos.marker.kinds import EVENTFUL, OF
from tests.chaos.project import copy_with_markers
from tests.chaos.report import SEED, Figures
from tests.chaos.storm import Storm, all_dead_letters, hold_the_dispatcher, insist
from tests.integration.jobs import invariants
from tests.integration.jobs.invariants import FINAL
from tests.support.stack_process import Stack, running, until

SUBJECT = "A storm"
RECIPIENTS = ["ann@example.com", "bob@example.com"]
CLIENTS = 4
PATIENCE = 900
"""Seconds until something is taken for stuck: nothing here fails because a machine is slow."""


@dataclass
class Aftermath:
    """What is left once the storm is over and everything has settled."""

    stack: Stack
    database: Database
    counts: Counter[str]
    runs: int
    days: list[date]
    occurrences: list[str]

    def look(self) -> invariants.Runs:
        """All runs with their attempts and events."""
        database: Any = self.database  # it answers queries as a Connection does
        return invariants.look(database)


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory, short: bool) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp("storm")
    runs, stops, days, occurrences = (150, 1, 2, 5) if short else (2_000, 3, 10, 20)
    template = copy_with_markers(folder, shifted=("marker", "dispatcher"))
    with (
        started(folder, folder / "data") as database,
        running(folder, template=template, DB_PORT=str(database.port)) as stack,
    ):
        hold_the_dispatcher(stack)
        after = Aftermath(
            stack,
            database,
            Counter(),
            runs,
            [date(2026, 1, 1) + timedelta(days=number) for number in range(days)],
            [f"2026-10-01T{hour:02}:00:00Z" for hour in range(occurrences)],
        )
        _weather(after, Storm(stack, database, f"{SEED}", after.counts), stops)
        yield after


def _weather(after: Aftermath, storm: Storm, stops: int) -> None:
    made: list[str] = []
    with storm.raging(stops, lambda: len(made) / after.runs), ThreadPoolExecutor(CLIENTS) as clients:
        for job in ("record-expiry", "daily-summary"):
            _send_twice(after.stack, job, after.occurrences)
        for each in [clients.submit(_mark, after, number, made) for number in range(after.runs)]:
            each.result()
        until(lambda: _states(after.stack)["enqueued"], lambda left: left <= after.runs // 10, PATIENCE)
    after.stack.invoke("DispatcherFunction", {"payload": {"resend": True}})
    until(lambda: _settle(after), lambda left: left == 0, PATIENCE)
    assert len(set(made)) == after.runs


def _send_twice(stack: Stack, job: str, occurrences: list[str]) -> None:
    queue = stack.sqs().get_queue_url(QueueName=f"slowmatch-{job}")["QueueUrl"]
    for occurrence in occurrences * 2:
        stack.sqs().send_message(
            QueueUrl=queue, MessageBody=json.dumps({"job": job, "occurrence": occurrence})
        )


def _mark(after: Aftermath, number: int, made: list[str]) -> None:
    made.append(_trigger(after.stack, "marker", {"number": number}, f"{number}"))
    day, rest = divmod(number, after.runs // len(after.days))
    if rest == 0:
        payload = {"day": after.days[day].isoformat(), "recipients": RECIPIENTS}
        _trigger(after.stack, "daily-summary", payload, f"{day}")


def _trigger(stack: Stack, job: str, payload: dict[str, Any], key: str) -> str:
    path, body = f"/api/jobs/{job}/runs", {"payload": payload}
    return str(insist(lambda: stack.call("POST", path, body, idempotency_key=f"storm-{job}-{key}"))["id"])


def _states(stack: Stack) -> dict[str, int]:
    return dict(insist(lambda: stack.call("GET", "/api/stats"))["states"])


def _settle(after: Aftermath) -> int:
    """Do what the dispatcher does, do not wait for retries, requeue what failed for good, and count what is left."""
    after.stack.dispatch()
    _, done = after.stack.call("POST", "/api/runs/requeue", {"filter": {"state": "failed"}})
    after.counts["runs that failed for good, requeued"] += len(done["changed"])
    after.stack.call("POST", "/api/runs/run-now", {"filter": {"state": "scheduled"}})
    states = _states(after.stack)
    return states["enqueued"] + states["scheduled"] + states["processing"]


def test_every_run_is_there_once_and_has_succeeded(aftermath: Aftermath, figures: Figures) -> None:
    states = dict(
        aftermath.database.query("SELECT state, count(*) FROM job_run WHERE job = 'marker' GROUP BY state")
    )
    for what, count in sorted(aftermath.counts.items()):
        figures.add(SUBJECT, what, count)
    figures.add(SUBJECT, "runs", aftermath.runs)
    figures.add(SUBJECT, "runs succeeded", states.get("succeeded", 0))
    assert states == {"succeeded": aftermath.runs}
    batched = aftermath.database.value("SELECT count(*) FROM job_run WHERE job = 'marker' AND in_batch")
    figures.add(SUBJECT, "runs that succeeded in a batch", batched)
    assert batched
    others = aftermath.database.query("SELECT DISTINCT state FROM job_run")
    assert {state for (state,) in others} <= FINAL


def test_every_effect_happened_exactly_once(aftermath: Aftermath, figures: Figures) -> None:
    ((executions, effects, numbers),) = aftermath.database.query(
        """
        SELECT (SELECT count(*) FROM marker_execution), count(*), count(DISTINCT number) FROM marker
        """
    )
    figures.add(SUBJECT, "executions of a handler", executions)
    figures.add(SUBJECT, "effects", effects)
    assert effects == numbers == aftermath.runs
    assert executions >= aftermath.runs + sum(number % OF in EVENTFUL for number in range(aftermath.runs))


def test_each_summary_was_sent_once(aftermath: Aftermath, figures: Figures) -> None:
    sent = _sent(aftermath.stack)
    figures.add(SUBJECT, "summaries, by day and recipient", len(sent))
    figures.add(SUBJECT, "summaries sent", sum(sent.values()))
    figures.add(SUBJECT, "summaries sent twice", sum(sent.values()) - len(sent))
    assert set(sent.values()) == {1}
    noted = aftermath.database.value("SELECT count(*) FROM mail_outbox WHERE sent_at IS NOT NULL")
    assert len(sent) == noted >= len(aftermath.days) * len(RECIPIENTS)


def test_a_summary_whose_answer_was_lost_goes_out_twice(aftermath: Aftermath, figures: Figures) -> None:
    """The documented gap, from the outside: whoever receives both can tell by the Message-ID."""
    stack, before = aftermath.stack, _sent(aftermath.stack)
    stack.call("PUT", "/outbox/mode", {"mode": "lose-answer"})
    run_id = _trigger(stack, "daily-summary", {"day": "2025-01-01", "recipients": RECIPIENTS[:1]}, "gap")
    stack.wait(run_id, "scheduled")
    stack.call("PUT", "/outbox/mode", {"mode": "accept"})
    stack.call("POST", f"/api/runs/{run_id}/run-now")
    stack.wait(run_id, "succeeded")
    (count,) = (_sent(stack) - before).values()
    figures.add(SUBJECT, "mails sent for one whose answer was lost, same Message-ID", count)
    assert count == 2


def _sent(stack: Stack) -> Counter[str]:
    """How often each Message-ID is in the outbox."""
    files = (stack.data / "outbox").glob("*.eml")
    return Counter(str(email.message_from_bytes(file.read_bytes())["Message-ID"]) for file in files)


def test_an_occurrence_that_came_twice_has_one_run(aftermath: Aftermath) -> None:
    rows = aftermath.database.query(
        """
        SELECT job, count(*), count(DISTINCT occurrence) FROM job_run
        WHERE occurrence < '2026-10-02' GROUP BY job ORDER BY job
        """
    )
    occurrences = len(aftermath.occurrences)
    assert rows == [["daily-summary", occurrences, occurrences], ["record-expiry", occurrences, occurrences]]


def test_runs_of_an_exclusive_job_take_turns(aftermath: Aftermath, figures: Figures) -> None:
    """By the order in which the index let them in: a worker reads its clock before it asks, so times say less."""
    steps = """
        SELECT job, run_id, to_state = 'processing' AS begins,
               lag(run_id) OVER before AS run_before, lag(to_state = 'processing') OVER before AS began_before
        FROM job_event JOIN (SELECT id AS run_id, job FROM job_run WHERE exclusive) AS run USING (run_id)
        WHERE 'processing' IN (from_state, to_state)
        WINDOW before AS (PARTITION BY job ORDER BY id)
    """
    ((turns, begun),) = aftermath.database.query(
        f"SELECT count(*), count(DISTINCT run_id) FROM ({steps}) AS step WHERE begins"
    )
    ((runs, skipped),) = aftermath.database.query(
        "SELECT count(*), count(*) FILTER (WHERE state = 'deleted') FROM job_run WHERE exclusive"
    )
    out_of_turn = aftermath.database.query(
        f"""
        SELECT * FROM ({steps}) AS step
        WHERE begins = COALESCE(began_before, false) OR (NOT begins AND run_before <> run_id)
        """
    )
    figures.add(SUBJECT, "turns of exclusive jobs", turns)
    figures.add(SUBJECT, "turns that overlap", len(out_of_turn))
    figures.add(SUBJECT, "occurrences skipped, as another run was at work", skipped)
    assert begun == runs - skipped > 0
    assert out_of_turn == []


def test_the_invariants_hold_for_every_run(aftermath: Aftermath, figures: Figures) -> None:
    runs = aftermath.look()
    for run in runs.values():
        invariants.check_state(run)
        invariants.check_path(run)
        assert run.outcomes.count("succeeded") <= 1
    invariants.check_together(runs)
    leases = [run for run in runs.values() if run.lease_until]
    figures.add(SUBJECT, "leases alive at the end", len(leases))
    assert leases == []
    outcomes = Counter(str(outcome) for run in runs.values() for outcome in run.outcomes)
    for outcome, count in sorted(outcomes.items()):
        figures.add(SUBJECT, f"attempts {outcome}", count)


def test_dead_letters_point_to_runs_that_are_known_and_final(aftermath: Aftermath, figures: Figures) -> None:
    letters = [json.loads(message["Body"]) for message in all_dead_letters(aftermath.stack)]
    runs = aftermath.look().values()
    final = {run.id for run in runs if run.state in FINAL}
    occurrences = {(run.job, run.occurrence) for run in runs}
    unknown = [letter for letter in letters if "run_id" in letter and letter["run_id"] not in final]
    unknown += [
        letter
        for letter in letters
        if "run_id" not in letter
        and (letter["job"], datetime.fromisoformat(letter["occurrence"])) not in occurrences
    ]
    figures.add(SUBJECT, "dead letters", len(letters))
    figures.add(SUBJECT, "dead letters that PostgreSQL does not know", len(unknown))
    assert unknown == []


def test_a_worker_whose_clock_is_off_writes_the_database_s_time(
    aftermath: Aftermath, figures: Figures
) -> None:
    off = aftermath.database.query(
        """
        SELECT round(extract(epoch FROM said - at) / 60)::integer AS minutes, count(*),
               max(abs(extract(epoch FROM attempt.started_at - at)))::float
        FROM marker_execution AS execution
        JOIN job_attempt AS attempt ON attempt.run_id = execution.run_id AND attempt.number = execution.attempt
        GROUP BY minutes ORDER BY minutes
        """
    )
    for minutes, count, _ in off:
        figures.add(SUBJECT, f"executions with a clock {minutes:+} minutes off", count)
    assert {minutes for minutes, *_ in off} == {-2, 0, 2}
    assert all(furthest < 60 for *_, furthest in off)


def test_the_stack_is_well_afterwards(aftermath: Aftermath) -> None:
    until(lambda: _waiting(aftermath.stack), lambda waiting: waiting == 0, PATIENCE)
    health = aftermath.stack.call("GET", "/api/health")[1]
    assert all(health[part]["ok"] for part in ("database", "dispatcher", "notifications", "clock"))


def _waiting(stack: Stack) -> int:
    queues = [queue for queue in stack.get("/local/state")["queues"] if not queue["name"].endswith("-dead")]
    return sum(queue["waiting"] + queue["in_flight"] for queue in queues)
