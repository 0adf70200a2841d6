"""The catalog finds the `job.py` of every folder, and a broken one disables its own job alone."""

from pathlib import Path
from typing import Any

import pytest

from slowmatch.jobs import catalog

GOOD = 'from slowmatch.jobs import Job\nJOB = Job(name="{name}", description="Does it.")\n'


def write(functions: Path, folder: str, text: str) -> None:
    (functions / folder).mkdir()
    (functions / folder / "job.py").write_text(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "import nowhere_at_all\n",
            "line 1: ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        ("JOB = (", "line 1: '(' was never closed"),
        ("\nJOB = 1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        (
            "from slowmatch.jobs import Integr\n",
            "line 1: cannot import name 'Integr' from 'slowmatch.jobs'; slowmatch.jobs has Job and the field kinds"
            " Addresses, Boolean, Choice, Date, Integer, Number, Secret, Text, Time",
        ),
        ("", "JOB is None: must be a Job(...)"),
        (GOOD.format(name="others"), "name is 'others': must be 'broken-job', to match its folder"),
        (
            'from slowmatch.jobs import Job\nJOB = Job(name="broken-job", description="")\n',
            "description is '': must be a non-empty string",
        ),
    ],
)
def test_broken_job_does_not_take_others_along(tmp_path: Path, text: str, error: str) -> None:
    write(tmp_path, "broken_job", text)
    write(tmp_path, "whole_job", GOOD.format(name="whole-job"))
    jobs, errors = catalog.find(tmp_path)
    assert (list(jobs), errors) == (["whole-job"], {"broken-job": f"functions/broken_job/job.py: {error}"})


@pytest.mark.parametrize("name", ["nothing", None, ["db-cleanup"]])
def test_unknown_job_is_refused_with_those_there_are(name: Any) -> None:
    with pytest.raises(catalog.UnknownJob, match="the jobs are daily-summary, db-cleanup"):
        catalog.job(name)


def test_disabled_job_is_refused_with_its_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.CONFIG_ERRORS, "broken-job", "functions/broken_job/job.py: JOB is None")
    with pytest.raises(catalog.UnknownJob) as refused:
        catalog.job("broken-job")
    assert str(refused.value) == "broken-job is disabled: functions/broken_job/job.py: JOB is None"


def test_every_job_of_the_project_is_whole() -> None:
    assert catalog.CONFIG_ERRORS == {}
