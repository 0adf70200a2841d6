import io
import json
import re
from pathlib import Path

import pytest

from local.output import FunctionLog, Output, Progress, readable


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            json.dumps(
                {"level": "WARNING", "message": "late", "timestamp": "x", "service": "s", "run": "r1", "n": 3}
            ),
            ("WARNING", "late  run=r1  n=3"),
        ),
        (json.dumps({"message": {"a": 1}, "who": "two words"}), ("INFO", '{"a": 1}  who="two words"')),
        (
            json.dumps({"level": "ERROR", "message": "no", "exception": "Trace\n  x"}),
            ("ERROR", "no\nTrace\n  x"),
        ),
        ("plain text", ("INFO", "plain text")),
        ("[1, 2]", ("INFO", "[1, 2]")),
        (
            "[ERROR] ValueError: x\rTraceback:\r\u00a0\u00a0File",
            ("ERROR", "[ERROR] ValueError: x\nTraceback:\n  File"),
        ),
        (
            "[ERROR] SettingsError: BATCH_SIZE is '0'\rTraceback:\r\u00a0\u00a0File",
            ("ERROR", "[ERROR] SettingsError: BATCH_SIZE is '0'"),
        ),
    ],
)
def test_a_log_line_is_made_readable(line: str, shown: tuple[str, str]) -> None:
    assert readable(line) == shown


@pytest.mark.parametrize("line", ["", "   ", json.dumps({"_aws": {}, "Runs": 1})])
def test_what_is_not_for_people_is_not_shown(line: str) -> None:
    assert readable(line) is None


def test_the_file_keeps_what_the_process_wrote(tmp_path: Path) -> None:
    stream = io.StringIO()
    log = FunctionLog("tiny", tmp_path, Output(stream))
    log.write('{"level": "INFO", "message": "hello", "service": "s"}')
    log.record("kept only")
    log.report("killed")
    log.close()
    assert (tmp_path / "tiny.log").read_text().splitlines() == [
        '{"level": "INFO", "message": "hello", "service": "s"}',
        "kept only",
        "killed",
    ]
    assert [line.split() for line in stream.getvalue().splitlines()] == [
        ["tiny", "INFO", "hello"],
        ["tiny", "ERROR", "killed"],
    ]


async def test_a_step_says_that_it_starts_and_what_it_took() -> None:
    stream = io.StringIO()
    async with Output(stream).step("PostgreSQL", "starting"):
        assert "starting" in stream.getvalue()
    assert re.search(r"ready after \d+\.\d s", stream.getvalue())


def test_a_terminal_that_was_closed_does_not_matter() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError("input/output error")

    Output(Closed()).line("hello")


async def test_after_a_stop_nothing_is_announced_as_ready() -> None:
    stream = io.StringIO()
    output = Output(stream)
    async with output.step("SMTP", "starting"):
        output.stopping()
    output.ready({"Console": "http://127.0.0.1:8080/"})
    assert stream.getvalue().endswith("\nstopping ...\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_that_is_drawn_over() -> None:
    stream = Terminal()
    progress = Progress(100, "records", stream)
    progress.update(50)
    progress.update(100)
    first, second = stream.getvalue().removeprefix("\r").split("\r")
    assert first.startswith(f"[{'#' * 15}{'.' * 15}] 50 of 100 records")
    assert "left" in first
    assert second.startswith(f"[{'#' * 30}] 100 of 100 records")
    assert second.endswith("\n")


def test_elsewhere_a_line_comes_now_and_then_and_at_the_end() -> None:
    stream = io.StringIO()
    progress = Progress(2_000, "records", stream)
    progress.update(1_000)
    progress.update(2_000)
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("2,000 of 2,000 records")
    assert "done in" in line
