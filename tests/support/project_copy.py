"""A copy of the project, in which a test adds and removes jobs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local import ROOT

_LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv*",
    ".slowmatch",
    ".aws-sam",
    ".*_cache",
    ".coverage*",
    ".hypothesis",
    "htmlcov",
    "__pycache__",
)


def copy_project(folder: Path) -> Path:
    """Copy the project without generated files into `folder`, which must not exist. Returns it."""
    shutil.copytree(ROOT, folder, ignore=_LEFT_OUT)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def copy_deployed(folder: Path) -> Path:
    """Copy what is deployed into `folder`. Returns the copy of the template."""
    for name in ("functions", "layers"):
        shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
    return Path(shutil.copy(ROOT / "template.yaml", folder))


def run(project: Path, *command: str) -> None:
    """Run a command in the copy. Fails with its output."""
    # The coverage of the copy is not measured.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    environment["PYTHONPATH"] = os.pathsep.join(
        str(project / path) for path in ("layers/common", "functions", "")
    )
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-5000:]}\n{done.stderr[-5000:]}"


def run_tests(project: Path, *files: str) -> None:
    """Run these test files in the copy."""
    options = ("-q", "-p", "no:cacheprovider", f"--basetemp={project}-tests")
    run(project, sys.executable, "-m", "pytest", *options, *files)
