"""How much of an attempt is kept: its result, its payload, its log."""

from collections.abc import Callable
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Context, PayloadError, enqueue
from slowmatch.jobs.definition import MAX_JSON_BYTES
from slowmatch.jobs.worker.context import MAX_FIRST_LINES, MAX_LAST_LINES, MAX_LINE_CHARACTERS
from tests.integration.jobs.conftest import Queues, Work
from tests.support.handlers import fail


def log(con: Connection) -> list[str]:
    return [message for (message,) in con.query("SELECT message FROM job_log ORDER BY id")]


def log_lines(
    work: Work, con: Connection, count: int, then: Callable[[Context], object] = Context.flush
) -> list[str]:
    """What is kept of the log of an attempt with that many lines."""

    def write(context: Context) -> None:
        for number in range(1, count + 1):
            context.logger.info("line %s", number)
            if number % 700 == 0:
                context.flush()
        then(context)

    work.handler = write
    work.start_occurrence()
    return log(con)


def test_a_result_at_the_limit_is_kept(work: Work, con: Connection) -> None:
    result = "x" * (MAX_JSON_BYTES - 2)  # and two quotes
    work.handler = lambda context: result
    work.start_occurrence()
    assert work.run().state == "succeeded" and work.run().result == result


@pytest.mark.parametrize(
    ("result", "size"), [("x" * 1_234_565, "1,234,567"), ({"rows": ["€" * 1_000] * 100}, "300,410")]
)
def test_a_larger_result_fails_the_run_at_once(work: Work, result: Any, size: str) -> None:
    work.handler = lambda context: result
    work.start_occurrence()
    run = work.run()
    assert (run.state, run.result, run.attempt) == ("failed", None, 1)
    assert run.error == (
        f"ResultTooLarge: The result is {size} bytes; at most 262,144 can be kept."
        " Store large results elsewhere and return their location."
    )


def test_a_payload_above_the_limit_is_refused_at_its_field(con: Connection, queues: Queues) -> None:
    with pytest.raises(PayloadError, match=r"^recipients: is 320,\d{3} bytes; .* at most 262,144 bytes"):
        enqueue(con, "daily-summary", {"recipients": ["ann@example.com"] * 16_850, "resend": True})
    assert con.query("SELECT FROM job_run") == []


def test_a_long_log_keeps_its_first_and_last_lines(work: Work, con: Connection) -> None:
    kept = log_lines(work, con, 5_000)
    assert kept[:MAX_FIRST_LINES] == [f"line {number}" for number in range(1, MAX_FIRST_LINES + 1)]
    assert kept[-MAX_LAST_LINES:] == [f"line {number}" for number in range(5_001 - MAX_LAST_LINES, 5_001)]
    assert kept[MAX_FIRST_LINES:-MAX_LAST_LINES] == [
        "This attempt has logged 800 lines. Of any further lines, only the last 200 are added here when it ends."
        " The full log is in CloudWatch.",
        "Lines omitted here: 4,000.",
    ]


def test_a_log_that_just_fits_is_whole(work: Work, con: Connection) -> None:
    number = MAX_FIRST_LINES + MAX_LAST_LINES
    kept = log_lines(work, con, number)
    assert [line for line in kept if line.startswith("line ")] == [f"line {n}" for n in range(1, number + 1)]
    assert not [line for line in kept if "omitted" in line]


def test_a_failed_attempt_keeps_the_last_lines_of_its_log(work: Work, con: Connection) -> None:
    assert "line 2000" in log_lines(work, con, 2_000, then=fail)


def test_a_long_line_is_shortened(work: Work, con: Connection) -> None:
    work.handler = lambda context: context.logger.info("x" * 10_000)
    work.start_occurrence()
    assert len(log(con)[0]) == MAX_LINE_CHARACTERS


@pytest.mark.parametrize("done", [["a", "b"], "half", {"rows": 3}])
def test_progress_that_is_not_a_number_fails_the_attempt(work: Work, done: Any) -> None:
    work.handler = lambda context: context.progress(done, 10)
    work.start_occurrence()
    assert (work.run().error or "").startswith("TypeError: progress: done must be a number, not ")
