"""Who may import whom in the folders of the jobs, which come and go; pyproject.toml has the rest for import-linter."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT

FUNCTIONS = ROOT / "functions"
FOLDERS = {path.parent.name for path in FUNCTIONS.glob("*/__init__.py")}
DEFINITIONS = sorted(FUNCTIONS.glob("*/job.py"))
HANDLERS = sorted(path for job in DEFINITIONS for path in job.parent.rglob("*.py"))
NEVER_DEPLOYED = {"benchmarks", "local", "tests", "tools"}


def imports(source: str) -> Iterator[str]:
    """What the module imports, also inside its functions: "a.b.c" for `from a.b import c`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported(path: Path, packages: set[str]) -> list[str]:
    """What the file imports from these packages."""
    found = imports(path.read_text(encoding="utf-8"))
    return [name for name in found if any(f"{name}.".startswith(f"{each}.") for each in packages)]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DEFINITIONS, ids=relative)
def test_a_definition_imports_slowmatch_jobs_only(path: Path) -> None:
    """Every function imports the definitions of all jobs at its start."""
    others = [
        name
        for name in imports(path.read_text(encoding="utf-8"))
        if not name.startswith("slowmatch.jobs.") or name.count(".") != 2
    ]
    assert others == [], (
        f"{relative(path)}: import what a job needs from slowmatch.jobs, and all else in app.py"
    )


@pytest.mark.parametrize("path", HANDLERS, ids=relative)
def test_a_job_imports_no_function_and_only_deployed_code(path: Path) -> None:
    others = FOLDERS - {path.relative_to(FUNCTIONS).parts[0]}
    assert imported(path, others | NEVER_DEPLOYED) == [], (
        f"{relative(path)}: move what functions share to layers/common/slowmatch"
    )


def test_only_its_own_folder_imports_a_job() -> None:
    jobs = {path.parent.name for path in DEFINITIONS}
    others = [
        *ROOT.glob("layers/**/*.py"),
        *(path for path in FUNCTIONS.rglob("*.py") if path not in HANDLERS),
    ]
    assert {relative(path): found for path in others if (found := imported(path, jobs))} == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import local", ["local"]),
        ("import tools.rehearse as r, json", ["tools.rehearse", "json"]),
        ("from tests.unit import up", ["tests.unit.up"]),
        ("def run():\n    from local import cli", ["local.cli"]),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, names: list[str]) -> None:
    assert list(imports(source)) == names
