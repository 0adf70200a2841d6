"""Finds the jobs: each is the `JOB` in the `job.py` of a folder beside the handlers."""

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from typing import Any

from slowmatch import telemetry
from slowmatch.jobs.definition import DefinitionError, Job
from slowmatch.jobs.fields import FIELD_KINDS

# Lambda's runtime sets the variable to the folder of the handlers. Elsewhere, as in tests, this file is in the project.
FUNCTIONS = Path(os.environ.get("LAMBDA_TASK_ROOT") or Path(__file__).parents[4] / "functions")


class UnknownJob(ValueError):
    """The catalog has no job of that name, or its definition is wrong."""

    def __init__(self, name: object) -> None:
        error = CONFIG_ERRORS.get(name) if isinstance(name, str) else None
        unknown = f"{name!r} is not a job; the jobs are {', '.join(JOBS)}"
        super().__init__(f"{name} is disabled: {error}" if error else unknown)


def find(functions: Path) -> tuple[dict[str, Job], dict[str, str]]:
    """The jobs by name, and what is wrong with the others. A wrong `job.py` disables its own job only."""
    jobs: dict[str, Job] = {}
    errors: dict[str, str] = {}
    for file in sorted(functions.glob("*/job.py")):
        name = file.parent.name.replace("_", "-")
        try:
            jobs[name] = _defined(file, name)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the other jobs work
            errors[name] = f"functions/{file.parent.name}/job.py: {_describe(error, file)}"
    return jobs, errors


def job(name: Any) -> Job:
    """The job of that name. Raises UnknownJob."""
    found = JOBS.get(name) if isinstance(name, str) else None
    if found is None:
        raise UnknownJob(name)
    return found


def _defined(file: Path, name: str) -> Job:
    """Import the file by its path: tools read the catalog too, without functions/ on their import path."""
    spec = spec_from_file_location(f"{file.parent.name}.job", file)
    if spec is None or spec.loader is None:
        raise DefinitionError("is not a Python module")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, "JOB", None)
    if not isinstance(found, Job):
        raise DefinitionError(f"JOB is {found!r}: must be a Job(...)")
    if found.name != name:
        raise DefinitionError(f"name is {found.name!r}: must be {name!r}, to match its folder")
    return found


def _describe(error: Exception, file: Path) -> str:
    """What is wrong, and in which line, without the paths of this machine."""
    if isinstance(error, DefinitionError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(file)]
    at = f"line {lines[-1]}: " if lines else ""
    if isinstance(error, ImportError) and error.name == "slowmatch.jobs":
        what, _, _ = str(error).partition(" (")  # the path of the module follows
        return f"{at}{what}; slowmatch.jobs has Job and the field kinds {FIELD_KINDS}"
    return f"{at}{type(error).__name__}: {error}"


JOBS, CONFIG_ERRORS = find(FUNCTIONS)
for _error in CONFIG_ERRORS.values():
    telemetry.logger.error(f"{_error}; this job is disabled until that is corrected")
