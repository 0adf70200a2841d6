"""`make job`: writes a new job that runs, or lists the jobs there are.

A job is a folder in functions/, a row and its name in template.yaml, sample events, and a test.
"""

import argparse
import hashlib
import importlib.util
import json
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from local import ROOT, loops, yaml_tags
from slowmatch.jobs import cron
from slowmatch.jobs.definition import name_flaw

MAX_DUE_HOURS = 7 * 24
"""CloudWatch: an alarm with periods of an hour looks back a week at most."""
RUN_ID = "019bbfce-8c00-7d3a-9c41-5be0a1f2c3d4"
OCCURRENCE = "2026-01-15T07:00:00Z"

_JOB = """from slowmatch.jobs import Job

JOB = Job(
    name="{name}",
    description="Says what it does in one sentence.",{scheduled}
)
"""
_APP = '''"""Says what the job does, and what makes it safe to run twice."""

from slowmatch.jobs import Context, serve


def run(context: Context) -> dict[str, object]:
    context.logger.info("run %s, attempt %s", context.run_id, context.attempt)
    return {{}}


handler = serve("{name}", run)
'''
_TEST = """from slowmatch.testing import JobTester

from {folder} import app


def test_run_succeeds(job_tester: JobTester) -> None:
    attempt = job_tester.perform(app.handler)
    assert (attempt.state, attempt.result) == ("succeeded", {{}})
"""


class JobRefused(ValueError):
    """A job that cannot be made; the message says why, and what is allowed."""


def create(root: Path, name: str, schedule: str) -> list[Path]:
    """Write the job and give the files that were written or changed. Raises JobRefused before anything is written."""
    template = root / "template.yaml"
    text = template.read_text(encoding="utf-8")
    _check_name(root, name, loops.expand(yaml_tags.load(template)))
    _check_schedule(schedule)
    files = _files(name, schedule) | {Path("template.yaml"): _with_job(text, name, schedule)}
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return sorted(files)


def listing(root: Path) -> Iterator[str]:
    """A line for each job: its name, when it runs, when it was last changed."""
    rows = yaml_tags.load(root / "template.yaml")["Mappings"]["Job"].values()
    for row in sorted(rows, key=lambda row: str(row["Name"])):
        when = cron.words(row["Schedule"]) if row.get("Schedule") else "when somebody starts it"
        yield f"  {row['Name']:24} {when:32} changed {_changed(root, row['Name'])}"


def _check_name(root: Path, name: str, template: dict[str, Any]) -> None:
    folder = _folder(name)
    flaw = name_flaw(name)
    if flaw:
        raise JobRefused(f"NAME is {name!r}: {flaw}")
    if (root / "functions" / folder).exists():
        raise JobRefused(f"NAME is {name!r}: functions/{folder} exists already")
    if keyword.iskeyword(folder) or keyword.issoftkeyword(folder):
        raise JobRefused(
            f"NAME is {name!r}: {folder} is a keyword of Python, which no folder can be named after"
        )
    if folder in sys.stdlib_module_names or importlib.util.find_spec(folder) is not None:
        raise JobRefused(f"NAME is {name!r}: its folder would hide the Python module {folder}")
    if name.endswith("-dead"):
        raise JobRefused(f"NAME is {name!r}: queues that end in -dead hold dead letters")
    taken = sorted(_logical_ids(name) & template["Resources"].keys())
    if taken:
        raise JobRefused(f"NAME is {name!r}: template.yaml has a resource {taken[0]} already")


def _check_schedule(schedule: str) -> None:
    if schedule and cron.understood(schedule) is None:
        raise JobRefused(
            f"SCHEDULE is {schedule!r}: an EventBridge expression in UTC such as cron(30 * * * ? *) is needed"
        )


def _with_job(template: str, name: str, schedule: str) -> str:
    """The template with the job's row, and its name in the loops."""
    row = f"{{ Name: {name}, Handler: {_folder(name)}.app.handler"
    if schedule:
        row += f', Schedule: "{schedule}", {_alarm_of_silence(schedule)}'
    text = _with_row(template, f"    {_block(name)}: {row} }}")
    for loop in ("Jobs", *(["ScheduledJobs"] if schedule else [])):
        text = _with_item(text, loop, _block(name))
    return text


def _with_row(template: str, row: str) -> str:
    table = re.search(r"(?m)^  Job:\n((?:    \w+: \{.*\}\n)+)", template)
    if table is None:
        raise JobRefused("template.yaml has no mapping Job with a row for each job")
    rows = sorted([*table[1].splitlines(), row])
    return template[: table.start(1)] + "\n".join(rows) + "\n" + template[table.end(1) :]


def _with_item(template: str, loop: str, item: str) -> str:
    items = re.search(rf"(?m)^  Fn::ForEach::{loop}:\n    - Job\n    - \[(.*)\]$", template)
    if items is None:
        raise JobRefused(f"template.yaml has no Fn::ForEach::{loop} with its list on one line")
    names = ", ".join(sorted([*items[1].split(", "), item]))
    return template[: items.start(1)] + names + template[items.end(1) :]


def _alarm_of_silence(schedule: str) -> str:
    """Its columns: the longest pause within a year and two hours, or no alarm where CloudWatch cannot wait so long."""
    now = datetime.now(UTC)
    due = pairwise(cron.parse(schedule).between(now, now + timedelta(days=366)))
    longest = max((later - earlier for earlier, later in due), default=timedelta(days=366))
    hours = -(-longest // timedelta(hours=1)) + 2
    return (
        f"DueHours: {hours}"
        if hours <= MAX_DUE_HOURS
        else f"DueHours: {MAX_DUE_HOURS}, Silence: notBreaching"
    )


def _files(name: str, schedule: str) -> dict[Path, str]:
    folder = _folder(name)
    functions, events = Path("functions", folder), Path("events", folder)
    scheduled = "" if schedule else "\n    scheduled=False,"
    samples = {
        "direct-empty": {},
        "direct-payload": {"payload": {}},
        "direct-run": {"run_id": RUN_ID},
        "scheduled": _scheduled(name),
        "sqs-run": _queued(name, {"run_id": RUN_ID, "attempt": 1}),
        "sqs-tick": _queued(name, {"job": name, "occurrence": OCCURRENCE}),
    }
    return {
        functions / "__init__.py": "",
        functions / "job.py": _JOB.format(name=name, scheduled=scheduled),
        functions / "app.py": _APP.format(name=name),
        Path("tests", "jobs", f"test_{folder}.py"): _TEST.format(folder=folder),
        **{
            events / f"{shape}.json": json.dumps(sample, indent=2) + "\n" for shape, sample in samples.items()
        },
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


def _changed(root: Path, name: str) -> str:
    folder = f"functions/{_folder(name)}"
    answer = subprocess.run(
        ["git", "log", "-1", "--format=%cs, %an", "--", folder],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or "since the last commit"


def _folder(name: str) -> str:
    return name.replace("-", "_")


def _block(name: str) -> str:
    """What the job's logical ids begin with."""
    return "".join(part.capitalize() for part in name.split("-"))


def _logical_ids(name: str) -> set[str]:
    block = _block(name)
    return {
        f"{block}{part}" for part in ("Function", "Queue", "DeadLetters", "Logs", "Schedule", "QueuePolicy")
    }


def main(arguments: list[str] | None = None) -> int:
    """0 when the job was written or the jobs were listed, 1 when it was refused."""
    parser = argparse.ArgumentParser(prog="make job", description=__doc__)
    parser.add_argument("--name", default="")
    parser.add_argument("--schedule", default="")
    options = parser.parse_args(arguments)
    if not options.name:
        print("\n".join(listing(ROOT)))
        return 0
    try:
        files = create(ROOT, options.name, options.schedule)
    except JobRefused as refused:
        print(f"make job: {refused}", file=sys.stderr)
        return 1
    print("\n".join(f"  {path}" for path in files))
    print(
        f"Next: say what it does in functions/{_folder(options.name)}/job.py and app.py. `make run` runs it."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
