"""`make test-events`: which samples become test events of the Lambda console, and by which command line."""

from pathlib import Path

import pytest

from local.template import files as template_files
from tests.sam import template
from tests.sam.template import ROOT
from tools import shared_events

TEMPLATE = template_files.load(ROOT / "template.yaml")
COMMANDS = list(shared_events.commands("sam", "prod", TEMPLATE))


def test_the_command_line_is_that_of_the_sam_cli() -> None:
    file = str(ROOT / "events" / "daily_summary" / "direct-run.json")
    options = ["--config-env", "prod", "--name", "direct-run", "--file", file, "--force"]
    assert ["sam", "remote", "test-event", "put", "DailySummaryFunction", *options] in COMMANDS


def test_what_people_start_by_hand_has_a_test_event() -> None:
    by_hand = {
        (function, event)
        for function in template.job_functions()
        for event in ("direct-empty", "direct-payload", "direct-run")
    }
    by_hand |= {("DispatcherFunction", "resend"), ("MigrateFunction", "status")}
    named = {(command[4], command[command.index("--name") + 1]) for command in COMMANDS}
    assert by_hand <= named


def test_no_test_event_is_a_request_or_a_message() -> None:
    files = [Path(command[command.index("--file") + 1]) for command in COMMANDS]
    assert all(file.is_file() for file in files)
    folders = {file.parent.name for file in files}
    assert folders.isdisjoint({"console", "records_api", "jobs_api"})
    assert [file for file in files if file.name.startswith("sqs-")] == []


def test_a_stage_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert shared_events.main(["--sam", "true", "--stage", "test"]) == 1
    assert capsys.readouterr() == (
        "",
        "make test-events: samconfig.toml has no stage 'test'; it has default, prod\n",
    )


@pytest.mark.parametrize(("program", "status"), [("true", 0), ("false", 1)])
def test_the_first_failure_ends_it(program: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert shared_events.main(["--sam", program, "--stage", "prod"]) == status
    assert len(capsys.readouterr().out.splitlines()) == (len(COMMANDS) if status == 0 else 1)
