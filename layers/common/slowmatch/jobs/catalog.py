"""Finds the jobs: each is the `JOB` in the `job.py` of a folder beside the handlers."""

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from slowmatch import telemetry
from slowmatch.jobs.definition import DefinitionError, Job

# On Lambda, and under its runtime client on one machine, the handlers are where this variable says; elsewhere,
# as in tests, this file lies in the project itself.
FUNCTIONS = Path(os.environ.get("LAMBDA_TASK_ROOT") or Path(__file__).parents[4] / "functions")


class UnknownJob(ValueError):
    """There is no job of that name in the catalog."""

    def __init__(self, name: object) -> None:
        super().__init__(f"there is no job {name!r}; there are {', '.join(JOBS)}")


def find(functions: Path) -> tuple[dict[str, Job], dict[str, str]]:
    """The jobs by name, and by file what is wrong with a `job.py` that defines none.

    One job that is broken does not take the others along.
    """
    jobs: dict[str, Job] = {}
    flaws: dict[str, str] = {}
    for file in sorted(functions.glob("*/job.py")):
        name = f"{file.parent.name}/job.py"
        try:
            job = _defined(file)
        except DefinitionError as error:
            flaws[name] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the other jobs go on
            flaws[name] = f"cannot be imported: {type(error).__name__}: {error}"
        else:
            jobs[job.name] = job
    return jobs, flaws


def job(name: Any) -> Job:
    """The catalog's entry. Raises UnknownJob."""
    found = JOBS.get(name) if isinstance(name, str) else None
    if found is None:
        raise UnknownJob(name)
    return found


def _defined(file: Path) -> Job:
    """The file is found by its path, so it need not be on the import path: tools read the catalog too."""
    folder = file.parent.name
    spec = spec_from_file_location(f"{folder}.job", file)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"{file} is not a Python module")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, "JOB", None)
    if not isinstance(found, Job):
        raise DefinitionError(f"JOB is {found!r}: must be a Job(...)")
    if found.name.replace("-", "_") != folder:
        raise DefinitionError(
            f"name is {found.name!r}: the folder {folder} is for {folder.replace('_', '-')!r}"
        )
    return found


JOBS, FLAWS = find(FUNCTIONS)
for _file, _flaw in FLAWS.items():
    telemetry.logger.error(f"{_file}: {_flaw}; this job is disabled until it is mended")
