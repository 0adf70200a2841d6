"""What is wrong with a job is named with its file, the field and what is allowed, before anything runs."""

from pathlib import Path

import pytest

from local import cli
from local.template import job_check
from local.template.job_check import InvalidJobs, problems
from local.template.yaml_tags import TemplateError
from tests.support.ports import free_ports

JOB = """
from slowmatch.jobs import Integer, Job, Secret, Text

JOB = Job(
    name="send-report",
    description="Sends a report.",
    payload={{"days": Integer("how many", 1, 365{days})}},
    settings={{"URL": Text("where to post"), "TOKEN": Secret("what the receiver asks for")}},
)
"""
TEMPLATE = """
Mappings:
  Job:
    {key}: {{ {row} }}
Resources:
  Fn::ForEach::Jobs:
    - Job
    - [{jobs}]
    - ${{Job}}Function:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: functions/
          Handler: !FindInMap [Job, !Ref Job, Handler]
          Description: !FindInMap [Job, !Ref Job, Name]
          Timeout: !FindInMap [Job, !Ref Job, Timeout, {{ DefaultValue: 180 }}]
          Batches: [!FindInMap [Job, !Ref Job, Batch, {{ DefaultValue: 1 }}], !FindInMap [Job, !Ref Job, Window]]
          Environment: {{ Variables: {{ JOB_SETTINGS: !FindInMap [Job, !Ref Job, Settings] }} }}
  Fn::ForEach::ScheduledJobs:
    - Job
    - [{scheduled}]
    - ${{Job}}Schedule:
        Type: AWS::Events::Rule
        Properties: {{ ScheduleExpression: !FindInMap [Job, !Ref Job, Schedule] }}
  {resource}
"""
ROW = "Name: send-report, Handler: send_report.app.handler"
SETTINGS = """Settings: '{"URL": "https://example.com", "TOKEN": "report-token"}'"""
SCHEDULE = 'Schedule: "rate(1 hour)"'
WHOLE = {
    "key": "SendReport",
    "row": f"{ROW}, {SETTINGS}",
    "jobs": "SendReport",
    "scheduled": "",
    "resource": "",
}
COLUMNS = "Batch, Handler, Name, Schedule, Settings, Timeout, Window"
NO_ROW = "which has no row in the mapping Job"


def project(folder: Path, **changed: str) -> Path:
    """A project with one job; returns its template."""
    values = WHOLE | changed
    job = folder / "functions" / "send_report"
    job.mkdir(parents=True)
    (job / "job.py").write_text(JOB.format(days=values.pop("days", "")))
    (job / "app.py").write_text("")
    template = folder / "template.yaml"
    template.write_text(TEMPLATE.format(**values))
    return template


def test_whole_job_is_right(tmp_path: Path) -> None:
    assert list(problems(project(tmp_path))) == []


@pytest.mark.parametrize("figures", ["Batch: 10", "Batch: 11, Window: 1", "Timeout: 900"])
def test_possible_figures_are_right(tmp_path: Path, figures: str) -> None:
    assert list(problems(project(tmp_path, row=f"{ROW}, {SETTINGS}, {figures}"))) == []


def test_template_without_jobs_is_right(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {}")
    assert list(problems(tmp_path / "template.yaml")) == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"row": ROW}, "Job.SendReport: URL of send-report (where to post) has no value: add it to Settings"),
        (
            {"row": f'{ROW}, Settings: \'{{"URL": "x", "TOKEN": "Bearer 9f8e7d"}}\''},
            "Job.SendReport: TOKEN of send-report is a value that is not shown here: must be the secret's name",
        ),
        (
            {"row": f"{ROW}, Settings: {{ URL: x }}"},
            "Job.SendReport: Settings must be a string: JSON in single quotes",
        ),
        ({"row": f"{ROW}, Settings: '{{'"}, "Job.SendReport: Settings of send-report is not JSON"),
        (
            {"row": f"{ROW}, {SETTINGS}, Setings: x"},
            f"Job.SendReport: Setings is not a column; the columns are {COLUMNS}",
        ),
        (
            {"row": f"{ROW}, {SETTINGS}, Timeout: 901"},
            "Job.SendReport: Timeout is 901: must be a whole number from 1 to 900",
        ),
        (
            {"row": f"{ROW}, {SETTINGS}, Batch: ten"},
            "Job.SendReport: Batch is 'ten': must be a whole number from 1 to 10,000",
        ),
        (
            {"row": f"{ROW}, {SETTINGS}, Batch: 11"},
            "Job.SendReport: Batch is 11, but there is no Window: without one, Lambda takes at most 10 messages",
        ),
        (
            {"row": f"Name: send-report, Handler: report.app.handler, {SETTINGS}"},
            "Job.SendReport: Handler is 'report.app.handler': must be in a module of functions/",
        ),
        (
            {"row": f"{ROW}, {SETTINGS}, {SCHEDULE}", "scheduled": "SendReport", "days": ", required=True"},
            "Job.SendReport: it has a Schedule, but days in the payload of send-report is required",
        ),
        (
            {"row": f"{ROW}, {SETTINGS}, {SCHEDULE}"},
            "Fn::ForEach::ScheduledJobs does not name SendReport, which has a row with a Schedule: add it",
        ),
        ({"scheduled": "SendReport"}, "Fn::ForEach::ScheduledJobs names SendReport, which has no row with a"),
        ({"jobs": ""}, "Fn::ForEach::Jobs does not name SendReport, which has a row: add it to the list"),
        ({"jobs": "SendReport, SendReport"}, "Fn::ForEach::Jobs names SendReport 2 times"),
        (
            {"key": "Report", "jobs": "Report"},
            "Job.Report: the row of 'send-report' must be called SendReport",
        ),
        ({"jobs": "SendReport, Others"}, f"Fn::ForEach::Jobs names Others, {NO_ROW}"),
        (
            {"resource": "SendReportFunction: { Type: AWS::SNS::Topic }"},
            "Fn::ForEach::Jobs creates the resource SendReportFunction, which already exists: rename the job",
        ),
    ],
)
def test_wrong_template_is_named(tmp_path: Path, changed: dict[str, str], problem: str) -> None:
    (found,) = problems(project(tmp_path, **changed))
    assert found.startswith(f"template.yaml: {problem}")


def test_wrong_definition_is_named(tmp_path: Path) -> None:
    (found,) = problems(project(tmp_path, days=", default=400"))
    assert found == (
        "functions/send_report/job.py: payload: days: its default is 400: must be a whole number from 1 to 365"
    )


def test_folder_without_a_row_is_named(tmp_path: Path) -> None:
    template = project(tmp_path)
    other = tmp_path / "functions" / "other_job"
    other.mkdir()
    (other / "job.py").write_text('from slowmatch.jobs import Job\nJOB = Job("other-job", "Does things.")\n')
    (found,) = problems(template)
    assert found.startswith("functions/other_job: other-job has no row in the mapping Job of template.yaml")


def test_row_without_a_folder_is_named(tmp_path: Path) -> None:
    template = project(tmp_path)
    (tmp_path / "functions" / "send_report" / "job.py").unlink()
    (found,) = problems(template)
    assert found.startswith(
        "template.yaml: Job.SendReport: Name is 'send-report', but there is no functions/send"
    )


def test_row_without_columns_is_named(tmp_path: Path) -> None:
    row = f"{ROW}, {SETTINGS} }}\n    Other: x  # {{"
    (found,) = problems(project(tmp_path, jobs="SendReport, Other", row=row))
    assert found == "template.yaml: Job.Other is 'x': must be a row such as { Name: ..., Handler: ... }"


def test_loop_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    template = project(tmp_path)
    template.write_text(template.read_text().replace("    - Job\n    - [SendReport]", "    - [SendReport]"))
    with pytest.raises(TemplateError, match="Fn::ForEach::Jobs must be a list"):
        job_check.check(template)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    template = project(tmp_path, row=ROW, jobs="")
    with pytest.raises(InvalidJobs) as refused:
        job_check.check(template)
    assert str(refused.value).count("\n  template.yaml: ") == 2


def test_start_is_refused_before_anything_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    template = project(tmp_path, row=ROW)
    arguments = [
        "up",
        "--template",
        str(template),
        "--data",
        str(tmp_path / "data"),
        "--port",
        str(free_ports()),
    ]
    assert cli.main(arguments) == 1
    printed = capfd.readouterr()
    assert "URL of send-report (where to post) has no value" in printed.out + printed.err
    assert "PostgreSQL" not in printed.out + printed.err and "Traceback" not in printed.err
