"""`make job`: what it writes, what it refuses, and that nothing is left of what it refuses."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.template import job_check, loops, yaml_tags
from slowmatch.jobs.definition import MAX_NAME_CHARACTERS
from tools.new_job import __main__ as make_job
from tools.new_job import template_rows
from tools.new_job.__main__ import listing
from tools.new_job.create import JobRefused, create

HOURLY = "cron(30 * * * ? *)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What `make job` reads of the project."""
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    for folder in ("local", "tests/jobs", *(f"functions/{path.name}" for path in ROOT.glob("functions/*"))):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def files(project: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(project)): path.read_bytes() for path in project.rglob("*") if path.is_file()
    }


def row(project: Path, key: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml_tags.load(project / "template.yaml")["Mappings"]["Job"][key]
    return found


def with_stack_name(project: Path, name: str) -> None:
    config = project / "samconfig.toml"
    text = config.read_text(encoding="utf-8").replace(
        'stack_name = "slowmatch-prod"', f'stack_name = "{name}"'
    )
    config.write_text(text, encoding="utf-8")


# what it writes


def test_a_job_is_a_folder_a_row_samples_and_a_test(project: Path) -> None:
    before = files(project)
    written = create(project, "expiry-webhook", HOURLY)
    after = files(project)
    assert {str(path) for path in written} == (after.keys() - before.keys()) | {"template.yaml"}
    assert {path for path in before if before[path] != after[path]} == {"template.yaml"}
    folders = {"functions/expiry_webhook", "events/expiry_webhook", "tests/jobs"}
    assert {str(path.parent) for path in written} == {".", *folders}
    assert row(project, "ExpiryWebhook") == {
        "Name": "expiry-webhook",
        "Handler": "expiry_webhook.app.handler",
        "Schedule": HOURLY,
        "DueHours": 3,
    }


def test_a_job_without_a_schedule_has_no_rule(project: Path) -> None:
    create(project, "expiry-webhook")
    assert row(project, "ExpiryWebhook").keys() == {"Name", "Handler"}
    resources = loops.expand(yaml_tags.load(project / "template.yaml"))["Resources"]
    assert "ExpiryWebhookQueue" in resources and "ExpiryWebhookSchedule" not in resources


LISTS = re.compile(rb"(?<=\n    - Job\n    - \[)[^]]*")


@pytest.mark.parametrize("name", ["a-first-one", "last", "zz-top"])
def test_the_template_is_otherwise_the_same_byte_for_byte(project: Path, name: str) -> None:
    template, key = project / "template.yaml", job_check.logical_id(name).encode()
    before = template.read_bytes()
    create(project, name, HOURLY)
    after, rows = re.subn(rb"    %b: \{ Name: .* \}\n" % key, b"", template.read_bytes())
    assert rows == 1
    assert LISTS.sub(b"", after) == LISTS.sub(b"", before)
    for old, new in zip(LISTS.findall(before), LISTS.findall(after), strict=True):
        assert re.findall(rb"\w+", new) == sorted([*re.findall(rb"\w+", old), key])
    names = list(yaml_tags.load(template)["Mappings"]["Job"])
    assert names == sorted(names)


def test_a_row_stands_above_the_comment_of_the_row_that_follows() -> None:
    before = (
        "Mappings:\n  # The jobs\n  Job:\n    Cleanup: { Name: cleanup,\n      Timeout: 60 }\n\n"
        "    # Mails\n    Summary: { Name: summary }\n\n"
        "Resources:\n  Fn::ForEach::Jobs:\n    - Job\n    - [Cleanup, Summary]\n"
    )
    added = "    Report: { Name: report, Handler: report.app.handler }\n"
    after = before.replace("    # Mails\n", f"{added}    # Mails\n").replace(
        "Cleanup, Summary", "Cleanup, Report, Summary"
    )
    assert template_rows.with_job(before, "report") == after


@pytest.mark.parametrize(
    ("schedule", "columns"),
    [
        ("cron(* * * * ? *)", "DueHours: 3"),
        ("rate(12 hours)", "DueHours: 14"),
        ("cron(0 7 * * ? *)", "DueHours: 26"),
        ("cron(0 6,18 ? * MON-FRI *)", "DueHours: 62"),
        ("cron(0 7 ? * MON *)", "DueHours: 168, Silence: notBreaching"),
        ("cron(0 7 1 * ? *)", "DueHours: 168, Silence: notBreaching"),
        ("cron(0 7 * 6 ? *)", "DueHours: 168, Silence: notBreaching"),
        ("rate(30 days)", "DueHours: 168, Silence: notBreaching"),
    ],
)
def test_the_alarm_waits_two_hours_longer_than_the_longest_pause(schedule: str, columns: str) -> None:
    assert template_rows.alarm_of_silence(schedule) == columns


def test_spaces_of_a_schedule_are_single_in_its_row(project: Path) -> None:
    create(project, "report", "  cron(30  *\t* * ? *)\n")
    assert row(project, "Report")["Schedule"] == HOURLY


def test_line_ends_stay_as_they_are(project: Path) -> None:
    template = project / "template.yaml"
    text = template.read_bytes()
    marked = text.replace(b"\nOutputs:\n", b"\n# a comment with a line end of its own\r\nOutputs:\n")
    template.write_bytes(marked)
    create(project, "report")
    assert b"line end of its own\r\nOutputs:\n" in template.read_bytes()


# what it refuses


def refused(project: Path, name: str, schedule: str = "") -> str:
    """The message; also checks that every file is as it was."""
    before = files(project)
    with pytest.raises(JobRefused) as caught:
        create(project, name, schedule)
    assert files(project) == before
    assert not (project / "functions" / name.replace("-", "_") / "app.py").exists()
    return str(caught.value)


NO_NAME = f"must be lower-case words joined by hyphens, at most {MAX_NAME_CHARACTERS} characters"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        *[
            (name, NO_NAME)
            for name in ("", "Report", "report_all", "2-reports", "a--b", "report-", "../x", "x" * 25)
        ],
        ("class", "class is a keyword of Python"),
        ("match", "match is a keyword of Python"),
        ("json", "would hide the Python module json"),
        ("jwt", "would hide the Python module jwt"),
        ("slowmatch", "would hide the Python module slowmatch"),
        ("stacks", "would hide the project's own folder stacks"),
        ("notify", "the template already has a resource NotifyDeadLetters"),
        ("db-cleanup-function", "already has a resource DbCleanupFunctionQueue"),  # an event source's
    ],
)
def test_a_name_that_cannot_be_a_job_s_is_refused(project: Path, name: str, problem: str) -> None:
    message = refused(project, name)
    assert message.startswith(f"NAME is {name!r}: ") and problem in message


@pytest.mark.parametrize(
    "path", ["functions/report/job.py", "events/report/a.json", "tests/jobs/test_report.py"]
)
def test_a_name_that_is_taken_is_refused(project: Path, path: str) -> None:
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).touch()
    assert "exists already" in refused(project, "report")


@pytest.mark.parametrize(
    ("kind", "own", "name"),
    [
        ("AWS::SQS::Queue", "QueueName", "uploads"),
        ("AWS::Events::Rule", "Name", "uploads"),
        ("AWS::CloudWatch::Alarm", "AlarmName", "uploads-errors"),
    ],
)
def test_a_name_that_another_resource_has_is_refused(project: Path, kind: str, own: str, name: str) -> None:
    template = project / "template.yaml"
    other = f"Resources:\n  Other: {{ Type: {kind}, Properties: {{ {own}: !Sub '${{AWS::StackName}}-{name}' }} }}\n"
    template.write_text(
        template.read_text(encoding="utf-8").replace("Resources:\n", other, 1), encoding="utf-8"
    )
    assert f"the stack already has a resource named stack-{name}" in refused(project, "uploads")


def test_a_resource_that_a_parameter_names_is_in_nobody_s_way(project: Path) -> None:
    template = project / "template.yaml"
    other = "Resources:\n  Other: { Type: AWS::SQS::Queue, Properties: { QueueName: !Ref MailSenderName } }\n"
    text = template.read_text(encoding="utf-8").replace("Resources:\n", other, 1)
    template.write_text(text, encoding="utf-8")
    create(project, "report")
    assert row(project, "Report")["Name"] == "report"


def test_a_name_that_the_rule_cannot_carry_is_refused(project: Path) -> None:
    with_stack_name(project, "s" * 45)
    create(project, "n" * 18, HOURLY)
    message = refused(project, "n" * 19)
    assert "NAME is 'nnnnnnnnnnnnnnnnnnn': stack_name is 'sss" in message
    assert "AWS::Events::Rule" in message


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("every hour", "'every hour' is not a schedule: write 'rate(5 minutes)' or 'cron("),
        ("cron(60 * * * ? *)", "minute '60' must be between 0 and 59"),
        ("cron(0 7 30 2 ? *)", "it never matches any date and time"),
        ('cron(0 7 * * ? *)", Memory: "', "is not a schedule"),
    ],
)
def test_a_schedule_that_eventbridge_would_refuse_is_refused(
    project: Path, schedule: str, words: str
) -> None:
    message = refused(project, "report", schedule)
    assert message.startswith(f"SCHEDULE is {schedule!r}: ") and words in message


@pytest.mark.parametrize(
    ("there", "instead", "words"),
    [
        ("\n  Job:\n", "\n  Jobs:\n", "has no mapping Job"),
        ("- [DailySummary", "- # all\n      [DailySummary", "has no Fn::ForEach::Jobs with a list of jobs"),
    ],
)
def test_a_template_without_a_place_for_the_job_is_refused(
    project: Path, there: str, instead: str, words: str
) -> None:
    template = (project / "template.yaml").read_text(encoding="utf-8")
    with pytest.raises(yaml_tags.TemplateError, match=words):
        template_rows.with_job(template.replace(there, instead), "report", HOURLY)


def test_what_cannot_be_written_whole_is_taken_back(project: Path) -> None:
    (project / "events").touch()
    assert "events/report cannot be written: Not a directory" in refused(project, "report")
    assert not (project / "functions" / "report").exists()


# the command


def test_jobs_are_listed_with_schedule_and_last_change(project: Path) -> None:
    create(project, "report", "cron(30 5 * * ? *)")
    create(project, "sweep")
    git(project, "init", "--quiet")
    git(project, "add", "functions/report")
    git(project, "commit", "--quiet", "--message", "Report", "--date", "2026-01-15T07:00:00Z")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in listing(project)}
    assert list(lines) == sorted(lines) and {"daily-summary", "report", "sweep"} <= lines.keys()
    assert lines["report"] == "every day at 05:30 UTC last changed 2026-01-15 by Ann"
    assert lines["sweep"] == "when somebody starts it changed since the last commit"


def git(project: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_COMMITTER_DATE": "2026-01-15T07:00:00Z"}
    subprocess.run(["git", *who, *arguments], cwd=project, check=True, env=environment)


def test_jobs_are_listed_without_git_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert all(line.endswith("last change unknown to git") for line in listing(project))


def test_the_command_says_what_it_wrote(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_job, "ROOT", project)
    assert make_job.main(["--name=report", f"--schedule={HOURLY}"]) == 0
    assert "functions/report/job.py" in capsys.readouterr().out
    assert make_job.main([]) == 0
    assert "report " in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--name=class"], ["--name="], ["--schedule=rate(1 day)"]])
def test_a_refusal_is_one_line_and_status_1(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(make_job, "ROOT", project)
    assert make_job.main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("make job: ")
