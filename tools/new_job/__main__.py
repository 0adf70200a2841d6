"""`make job`: writes a new job, or without a name lists the jobs."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local import ROOT
from local.errors import StackError
from local.template import yaml_tags
from slowmatch.jobs import cron_description
from slowmatch.jobs.definition import MAX_NAME_CHARACTERS
from tools.new_job.create import JobRefused, create, folder_of
from tools.new_job.template_rows import TEMPLATE


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 when the job was written or the jobs were listed, 1 when the job was refused."""
    parser = argparse.ArgumentParser(prog="make job", description=__doc__)
    parser.add_argument("--name", help="name of the new job; without it, the jobs are listed")
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
        raise JobRefused(f"SCHEDULE is {schedule!r}, but NAME is missing: give the new job a name")
    print("\n".join(listing(ROOT)))


def _print_new(name: str, files: list[Path]) -> None:
    print("\n".join(f"  {path}" for path in files))
    folder = f"functions/{folder_of(name)}"
    print(
        f"Next: describe the job in {folder}/job.py and write its handler in {folder}/app.py, as docs/jobs.md explains."
    )


def listing(root: Path) -> Iterator[str]:
    """A line for each job: its name, when it runs, and when its folder was last changed."""
    rows = yaml_tags.load(root / TEMPLATE)["Mappings"]["Job"].values()
    jobs = {
        row["Name"]: cron_description.describe(row["Schedule"])
        if "Schedule" in row
        else "when somebody starts it"
        for row in rows
    }
    width = max(map(len, jobs.values()), default=0)
    for name, when in sorted(jobs.items()):
        yield f"{name:{MAX_NAME_CHARACTERS}}  {when:{width}}  {_last_change(root, name)}"


def _last_change(root: Path, name: str) -> str:
    folder = f"functions/{folder_of(name)}"
    if _git(root, ["status", "--porcelain", "--", folder]):
        return "changed since the last commit"
    commit = _git(root, ["log", "-1", "--format=%cs by %an", "--", folder])
    return f"last changed {commit}" if commit else "last change unknown to git"


def _git(root: Path, arguments: list[str]) -> str:
    """What git prints; empty where it is not installed, or the folder is no repository."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
