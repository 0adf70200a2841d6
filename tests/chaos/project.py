"""A copy of the project with one more job, added as docs say: a catalog entry, a folder, a block in the template."""

import re
import shutil
from pathlib import Path

from tests.stack_process import ROOT

LEASE_SECONDS = 5
"""The job functions' time-out, so that a lost attempt is found soon."""
VISIBILITY_SECONDS = 10
BATCH = 5

_ENTRY = """
        JobSpec(
            "marker",
            "Leaves a marker for each run.",
            {"number": Field("integer", "which one", 0, 1_000_000)},
            exclusive=False,
            scheduled=False,
        ),
"""
_TABLES = """
CREATE TABLE marker (run_id uuid PRIMARY KEY, number integer NOT NULL);
CREATE TABLE marker_execution (
    run_id uuid NOT NULL,
    attempt integer NOT NULL,
    said timestamptz NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX marker_execution_run ON marker_execution (run_id);
"""
_BLOCK = f"""
  MarkerFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: marker.app.handler
      Timeout: {LEASE_SECONDS}
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt MarkerQueue.Arn
            BatchSize: {BATCH}
            FunctionResponseTypes: [ReportBatchItemFailures]

  MarkerQueue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${{AWS::StackName}}-marker
      VisibilityTimeout: {VISIBILITY_SECONDS}
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt MarkerDeadLetters.Arn
        maxReceiveCount: 5

  MarkerDeadLetters:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${{AWS::StackName}}-marker-dead
"""
_SHIFT = "import marker.clock\n"


def copy_with_markers(folder: Path, shifted: tuple[str, ...] = ()) -> Path:
    """Returns the template. The clocks of the functions named in `shifted` go wrong in two of three processes."""
    for name in ("functions", "layers"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(Path(__file__).with_name("marker"), folder / "functions" / "marker")
    common = folder / "layers" / "common" / "slowmatch"
    _insert(common / "jobs" / "catalog.py", "    for spec in (\n", _ENTRY.lstrip("\n"))
    (common / "db" / "migrations" / "9000_marker.sql").write_text(_TABLES)
    for name in shifted:
        _insert(folder / "functions" / name / "app.py", "", _SHIFT)
    template = folder / "template.yaml"
    text = re.sub(r"\bTimeout: (180|120)\b", f"Timeout: {LEASE_SECONDS}", (ROOT / template.name).read_text())
    text = re.sub(r"VisibilityTimeout: (1080|720)\b", f"VisibilityTimeout: {VISIBILITY_SECONDS}", text)
    template.write_text(text)
    _insert(template, "\nResources:\n", _BLOCK)
    return template


def _insert(file: Path, after: str, text: str) -> None:
    before, found, rest = file.read_text().partition(after) if after else ("", "", file.read_text())
    assert found == after, f"{file} has no {after!r}"
    file.write_text(before + found + text + rest)
