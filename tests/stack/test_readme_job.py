"""The README's job, added to a copy of the project to the letter, and run."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from local import ROOT
from local.template import job_check
from tests.support.project_copy import copy_project, run, run_tests
from tests.support.stack_process import running

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## A job in 20 lines\n", 1)[1].split("\n## ", 1)[0]
MAKE, CURL = (command.replace("\\\n", "") for command in re.findall(r"(?s)```sh\n(.*?)\n```", SECTION))
FILES = dict(re.findall(r"(?s)`(functions/\S+)`:\n\n```python\n(.*?)```", SECTION))
# The copy has the packages of this project: nothing is to be installed.
ENVIRONMENT = os.environ | {"MAKEFLAGS": "--assume-old=.venv/.run"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("readme") / "project")
    subprocess.run(MAKE, shell=True, cwd=project, env=ENVIRONMENT, check=True)
    for path, text in FILES.items():
        assert (project / path).exists(), "`make job` writes it"
        (project / path).write_text(text, encoding="utf-8")
    return project


def test_the_job_is_one_command_and_two_files() -> None:
    assert MAKE.startswith("make job ")
    assert list(FILES) == ["functions/expiry_report/job.py", "functions/expiry_report/app.py"]


def test_the_job_passes_lint_and_tests(project: Path) -> None:
    written = [*FILES, "tests/jobs/test_expiry_report.py"]
    run(project, sys.executable, "-m", "ruff", "check", *written)
    run(project, sys.executable, "-m", "ruff", "format", "--check", *written)
    run(project, sys.executable, "-m", "mypy", *FILES)
    assert list(job_check.problems(project / "template.yaml")) == []
    guards = (f"tests/unit/test_{name}.py" for name in ("events", "job_imports", "template_jobs"))
    run_tests(project, "tests/jobs/test_expiry_report.py", *guards)


def test_the_job_counts_what_expires_soon(project: Path, tmp_path: Path) -> None:
    path, body = re.search(r"\$BASE(/\S+)\"", CURL), re.search(r"-d '(.*)'", CURL)
    assert path is not None and body is not None
    with running(tmp_path, template=project / "template.yaml") as stack:
        stack.add_record("soon", timedelta(days=20))
        stack.add_record("later", timedelta(days=40))
        status, made = stack.call("POST", path[1], json.loads(body[1]))
        assert status == 202, made
        assert stack.wait(made["id"], "succeeded")["result"] == {"expiring": 1}
