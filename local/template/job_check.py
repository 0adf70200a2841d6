"""Checks every job: its job.py, its row in template.yaml, and its name in the loops.

`make lint` and the start of the stack run these checks, so that mistakes are reported before anything runs.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local import ROOT
from local.errors import StackError
from local.template import loops, yaml_tags
from slowmatch.jobs import catalog
from slowmatch.jobs.definition import Job
from slowmatch.jobs.fields import is_whole
from slowmatch.settings import SettingsError

RANGES = {
    "Timeout": (1, 900),
    "Memory": (128, 10_240),
    "Batch": (1, 10_000),
    "Window": (0, 300),
    "Concurrency": (2, 1_000),
}
"""What Lambda takes, and SQS as its event source, by column: lambda/latest/dg/gettingstarted-limits.html."""
MAX_BATCH_WITHOUT_WINDOW = 10
ALL, SCHEDULED = "Fn::ForEach::Jobs", "Fn::ForEach::ScheduledJobs"


class InvalidJobs(StackError):
    """Jobs have invalid definitions. The message has a line for each problem."""


def logical_id(name: str) -> str:
    """The key of the job's row, and the prefix of its resources' logical ids."""
    return "".join(part.capitalize() for part in name.split("-"))


def check(template: Path) -> None:
    """Raises InvalidJobs, and TemplateError for a template that cannot be read."""
    found = list(problems(template))
    if found:
        raise InvalidJobs("\n  ".join(["the definitions of jobs are invalid:", *found]))


def problems(template: Path) -> Iterator[str]:
    """The problems of the jobs of the project around `template`, each with its file."""
    document, functions = yaml_tags.load(template), template.parent / "functions"
    rows: Mapping[str, Any] = (document.get("Mappings") or {}).get("Job") or {}
    jobs, errors = catalog.find(functions)
    yield from errors.values()
    yield from _without_row({*jobs, *errors}, rows)
    for key, row in rows.items():
        if not isinstance(row, dict):
            yield f"template.yaml: Job.{key} is {row!r}: must be a row such as {{ Name: ..., Handler: ... }}"
            continue
        found = (
            *_row_problems(key, row, functions, columns(document)),
            *_figure_problems(row),
            *_job_problems(row, jobs),
        )
        for problem in found:
            yield f"template.yaml: Job.{key}: {problem}"
    for problem in _loop_problems(document, rows):
        yield f"template.yaml: {problem}"


def _without_row(jobs: set[str], rows: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(jobs - {row.get("Name") for row in rows.values() if isinstance(row, dict)}):
        row = f"{logical_id(name)}: {{ Name: {name}, Handler: {_folder(name)}.app.handler }}"
        yield (
            f"functions/{_folder(name)}: {name} has no row in the mapping Job of template.yaml:"
            f" add {row}, or remove the folder"
        )


def _row_problems(key: str, row: Mapping[str, Any], functions: Path, known: set[str]) -> Iterator[str]:
    name, handler = str(row.get("Name")), str(row.get("Handler"))
    for column in sorted(row.keys() - known):
        yield f"{column} is not a column; the columns are {', '.join(sorted(known))}"
    if not (functions / _folder(name) / "job.py").is_file():
        yield (
            f"Name is {name!r}, but there is no functions/{_folder(name)}/job.py:"
            " create it, or remove the row, and its name from the loops"
        )
    elif key != logical_id(name):
        yield f"the row of {name!r} must be called {logical_id(name)}"
    module = handler.rpartition(".")[0].replace(".", "/")
    if not module or not (functions / f"{module}.py").is_file():
        yield f"Handler is {handler!r}: must be in a module of functions/, such as {_folder(name)}.app.handler"


def _figure_problems(row: Mapping[str, Any]) -> Iterator[str]:
    for column, (least, most) in RANGES.items():
        value = row.get(column, least)
        if not is_whole(value, least, most):
            yield f"{column} is {value!r}: must be a whole number from {least} to {most:,}"
    batch, window = row.get("Batch", 1), row.get("Window", 0)
    if window == 0 and isinstance(batch, int) and batch > MAX_BATCH_WITHOUT_WINDOW:
        yield (
            f"Batch is {batch:,}, but there is no Window: without one, Lambda takes at most {MAX_BATCH_WITHOUT_WINDOW}"
            " messages; add Window: 1, or more seconds"
        )


def _job_problems(row: Mapping[str, Any], jobs: Mapping[str, Job]) -> Iterator[str]:
    job = jobs.get(str(row.get("Name")))
    if job is None:
        return
    settings = row.get("Settings", "{}")
    if not isinstance(settings, str):
        yield "Settings must be a string: JSON in single quotes, because a mapping cannot contain objects"
    else:
        try:
            job.read_settings(settings)
        except SettingsError as error:
            yield str(error)
    if row.get("Schedule") and job.required:
        yield (
            f"it has a Schedule, but {', '.join(job.required)} in the payload of {job.name} is required, and scheduled"
            f" runs have no payload: give it a default in functions/{_folder(job.name)}/job.py"
        )


def _loop_problems(document: Mapping[str, Any], rows: Mapping[str, Any]) -> Iterator[str]:
    """Raises TemplateError for a loop that cannot be read."""
    resources: Mapping[str, Any] = document["Resources"]
    scheduled = [key for key, row in rows.items() if isinstance(row, dict) and row.get("Schedule")]
    for name, needed, which in ((ALL, list(rows), "row"), (SCHEDULED, scheduled, "row with a Schedule")):
        variable, items, body = loops.parts(name, resources.get(name, ["Job", [], {}]))
        for key in needed:
            if key not in items:
                yield f"{name} does not name {key}, which has a {which}: add it to the list"
        for key, times in Counter(items).items():
            if key not in needed:
                yield f"{name} names {key}, which has no {which} in the mapping Job"
            if times > 1:
                yield f"{name} names {key} {times} times"
            for resource in body:
                made = str(resource).replace(f"${{{variable}}}", str(key))
                if made in resources:
                    yield f"{name} creates the resource {made}, which already exists: rename the job"


def columns(document: Mapping[str, Any]) -> set[str]:
    """The columns of the mapping Job that the template uses."""
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            match value.get("Fn::FindInMap"):
                case ["Job", _, str(column), *_]:
                    found.add(column)
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    look(document)
    return found


def _folder(name: str) -> str:
    return name.replace("-", "_")


def main() -> int:
    """Exit status: 0 without problems, 1 with some."""
    try:
        check(ROOT / "template.yaml")
    except StackError as error:
        print(f"slowmatch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
