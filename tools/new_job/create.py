"""Writes the files of a new job."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.errors import StackError
from tools.new_job import checks, template_rows
from tools.new_job.template_rows import TEMPLATE

RUN_ID = "019bbfce-8c00-7d3a-9c41-5be0a1f2c3d4"
OCCURRENCE = "2026-01-15T07:00:00Z"

_JOB = """from slowmatch.jobs import Job

JOB = Job(
    name="{name}",
    description="Says what it does in one sentence.",
)
"""
_APP = '''"""Says what the job does, and what makes it safe to run twice."""

from slowmatch.jobs import Context, serve


def run(context: Context) -> dict[str, object]:
    context.logger.info("run %s, attempt %s", context.run_id, context.attempt)
    return {{}}


handler = serve("{name}", run)
'''
_TEST = """{imports}


def test_a_run_with_the_settings_of_its_row_succeeds(job_tester: JobTester) -> None:
    attempt = job_tester.perform(app.handler, **of_row("{name}"))
    assert attempt.state == "succeeded", attempt.error
"""


class JobRefused(StackError):
    """The job cannot be created; the message says why, and what is allowed."""


def create(root: Path, name: str, schedule: str = "") -> list[Path]:
    """Write the job. Returns the new and changed files; raises StackError, and then nothing is changed."""
    schedule = " ".join(schedule.split())
    problem = checks.name_problem(root, name)
    if problem:
        raise JobRefused(f"NAME is {name!r}: {problem}")
    problem = checks.schedule_problem(schedule) if schedule else None
    if problem:
        raise JobRefused(f"SCHEDULE is {schedule!r}: {problem}")
    files = _files(name)
    template = template_rows.with_job((root / TEMPLATE).read_bytes().decode(), name, schedule)
    _write(root, files, template)
    return sorted([*files, Path(TEMPLATE)])


def _write(root: Path, files: Mapping[Path, str], template: str) -> None:
    """Replace the template last, so that a row always has its folder. A failure is undone."""
    new = root / f"{TEMPLATE}.new"
    made: list[Path] = []
    try:
        for path, text in {**{root / path: text for path, text in files.items()}, new: template}.items():
            made += [each for each in (path.parent, path) if not each.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        shutil.copymode(root / TEMPLATE, new)
        new.replace(root / TEMPLATE)
    except OSError as error:
        for path in reversed([each for each in made if each.exists()]):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
        raise JobRefused(f"{error.filename} cannot be written: {error.strerror}") from error


def _files(name: str) -> dict[Path, str]:
    folder = folder_of(name)
    functions, events = Path("functions", folder), Path("events", folder)
    imports = [
        f"from {folder} import app",
        "from local.testing import JobTester",
        "from tests.jobs.rows import of_row",
    ]
    samples = {
        "direct-empty": {},
        "direct-payload": {"payload": {}},
        "direct-run": {"run_id": RUN_ID},
        "scheduled": _scheduled(name),
        "sqs-run": _queued(name, {"run_id": RUN_ID, "attempt": 1}),
        "sqs-occurrence": _queued(name, {"job": name, "occurrence": OCCURRENCE}),
    }
    return {
        functions / "__init__.py": "",
        functions / "job.py": _JOB.format(name=name),
        functions / "app.py": _APP.format(name=name),
        Path("tests", "jobs", f"test_{folder}.py"): _TEST.format(
            imports="\n".join(sorted(imports)), name=name
        ),
        **{events / f"{kind}.json": json.dumps(sample, indent=2) + "\n" for kind, sample in samples.items()},
    }


def _scheduled(name: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": OCCURRENCE,
        "region": "us-east-1",
        "resources": [f"arn:aws:events:us-east-1:123456789012:rule/slowmatch-{name}"],
        "detail": {},
    }


def _queued(name: str, message: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(message)
    record = {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1768460400000",
            "SenderId": "AIDACKCEVSQ6C2EXAMPLE",
            "ApproximateFirstReceiveTimestamp": "1768460400005",
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:slowmatch-{name}",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


def folder_of(name: str) -> str:
    return name.replace("-", "_")
