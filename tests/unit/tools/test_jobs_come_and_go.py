"""Twenty jobs more, or one less, and every test passes as it is: tried in copies of the project."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.template import files, job_check, yaml_tags
from local.template.job_check import logical_id
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.definition import MAX_NAME_CHARACTERS
from tests.sam.template import transform_of
from tests.support.project_copy import copy_project, run, run_tests
from tools.new_job.create import create

GUARDS = [
    *(f"tests/unit/test_template{part}.py" for part in ("", "_jobs", "_limits", "_watch")),
    *(f"tests/unit/test_{part}.py" for part in ("events", "job_imports", "readme")),
    "tests/unit/test_openapi.py::test_the_committed_document_is_current",
    "tests/unit/test_template_network.py::test_an_accepted_concurrency_has_its_connections",
]
SCHEDULES = ("", "cron(30 * * * ? *)", "rate(1 day)", "cron(0 7 1 * ? *)")
MOST_JOBS = 24
"""As many as are promised: with the four that come with the project, twenty more."""
NAMES = [f"n{number:02}-{'x' * (20 - number)}" for number in range(max(1, MOST_JOBS - len(JOBS)))]
TEMPLATE_BYTES = 1_000_000
"""CloudFormation takes that much from S3, where the SAM CLI uploads the template."""


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    project = copy_project(tmp_path_factory.mktemp("crowded") / "project")
    for number, name in enumerate(NAMES):
        create(project, name, SCHEDULES[number % len(SCHEDULES)])
    yield project
    shutil.rmtree(project)


def test_the_names_go_up_to_the_longest() -> None:
    assert max(map(len, NAMES)) == MAX_NAME_CHARACTERS


def test_with_twenty_jobs_more_every_guard_passes(crowded: Path) -> None:
    scheduled_or_not = [f"tests/jobs/test_{name.replace('-', '_')}.py" for name in NAMES[:2]]
    run_tests(crowded, *GUARDS, *scheduled_or_not)


def test_with_twenty_jobs_more_there_is_nothing_to_lint(crowded: Path) -> None:
    written = [
        str(path)
        for name in NAMES
        for path in (f"functions/{name.replace('-', '_')}", f"tests/jobs/test_{name.replace('-', '_')}.py")
    ]
    run(crowded, sys.executable, "-m", "ruff", "check", *written)
    run(crowded, sys.executable, "-m", "ruff", "format", "--check", *written)
    assert list(job_check.problems(crowded / "template.yaml")) == []


def test_with_twenty_jobs_more_the_template_is_small_enough(crowded: Path) -> None:
    written = crowded / "template.yaml"
    made = json.dumps(transform_of(files.load(written)))
    assert max(written.stat().st_size, len(made)) < TEMPLATE_BYTES


def test_with_one_job_less_every_guard_passes(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    written = project / "template.yaml"
    text = written.read_text(encoding="utf-8")
    name = next(job for job in JOBS if f"{logical_id(job)}Function" not in text)  # no policy names it
    folder, key = name.replace("-", "_"), logical_id(name)
    shutil.rmtree(project / "functions" / folder)
    shutil.rmtree(project / "events" / folder)
    (project / "tests" / "jobs" / f"test_{folder}.py").unlink(missing_ok=True)
    text = re.sub(rf"(?m)^    {key}: .*\n", "", text)
    written.write_text(re.sub(rf"\b{key}(,\s+|(?=\]))", "", text), encoding="utf-8")
    assert key not in json.dumps(yaml_tags.load(written))
    assert list(job_check.problems(written)) == []
    run_tests(project, *GUARDS, "tests/jobs")
