"""`make job`: writes a new job that runs, or lists the jobs there are.

A job is a folder in functions/, a row and its name in template.yaml, sample events, and a test.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local import ROOT
from local.errors import StackError
from local.template import yaml_tags
from slowmatch.jobs import cron
from slowmatch.jobs.definition import MAX_NAME_CHARACTERS
from tools import job_checks, job_rows
from tools.job_rows import TEMPLATE

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
    """A job that cannot be made; the message says why, and what is allowed."""


def create(root: Path, name: str, schedule: str = "") -> list[Path]:
    """Write the job, and return the files that are new or changed. Raises StackError, and then nothing is changed."""
    schedule = " ".join(schedule.split())
    problem = job_checks.name_problem(root, name)
    if problem:
        raise JobRefused(f"NAME is {name!r}: {problem}")
    problem = job_checks.schedule_problem(schedule) if schedule else None
    if problem:
        raise JobRefused(f"SCHEDULE is {schedule!r}: {problem}")
    files = _files(name)
    template = job_rows.with_job((root / TEMPLATE).read_bytes().decode(), name, schedule)
    _write(root, files, template)
    return sorted([*files, Path(TEMPLATE)])


def listing(root: Path) -> Iterator[str]:
    """A line for each job: its name, when it runs, and when its folder was last changed."""
    rows = yaml_tags.load(root / TEMPLATE)["Mappings"]["Job"].values()
    jobs = {
        row["Name"]: cron.words(row["Schedule"]) if "Schedule" in row else "when somebody starts it"
        for row in rows
    }
    width = max(map(len, jobs.values()), default=0)
    for name, when in sorted(jobs.items()):
        yield f"{name:{MAX_NAME_CHARACTERS}}  {when:{width}}  {_last_change(root, name)}"


def _write(root: Path, files: Mapping[Path, str], template: str) -> None:
    """The template is replaced at the end, so that a row always has its folder. What fails is undone."""
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
    folder = _folder(name)
    functions, events = Path("functions", folder), Path("events", folder)
    imports = [
        f"from {folder} import app",
        "from slowmatch.testing import JobTester",
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


def _last_change(root: Path, name: str) -> str:
    folder = f"functions/{_folder(name)}"
    if _git(root, "status", "--porcelain", "--", folder):
        return "changed since the last commit"
    commit = _git(root, "log", "-1", "--format=%cs by %an", "--", folder)
    return f"last changed {commit}" if commit else "last change unknown to git"


def _git(root: Path, *arguments: str) -> str:
    """What git prints; empty where it is not installed, or the folder is no repository."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


def _folder(name: str) -> str:
    return name.replace("-", "_")


def main(arguments: list[str] | None = None) -> int:
    """0 when the job was written or the jobs were listed, 1 when it was refused."""
    parser = argparse.ArgumentParser(prog="make job", description=__doc__)
    parser.add_argument("--name", help="of a new job; without it, the jobs are listed")
    parser.add_argument("--schedule", default="", help="EventBridge expression, in UTC")
    options = parser.parse_args(arguments)
    try:
        if options.name is None:
            _print_jobs(options.schedule)
        else:
            _print_new(options.name, create(ROOT, options.name, options.schedule))
    except StackError as error:
        print(f"make job: {error}", file=sys.stderr)
        return 1
    return 0


def _print_jobs(schedule: str) -> None:
    if schedule:
        raise JobRefused(f"SCHEDULE is {schedule!r}, but there is no NAME: give the new job one")
    print("\n".join(listing(ROOT)))


def _print_new(name: str, files: list[Path]) -> None:
    print("\n".join(f"  {path}" for path in files))
    folder = f"functions/{_folder(name)}"
    print(
        f"Next: say in {folder}/job.py what the job is and in {folder}/app.py what it does; docs/jobs.md has all."
    )


if __name__ == "__main__":
    sys.exit(main())
