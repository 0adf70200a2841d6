"""What a function imports at its start: measured by `python -m benchmarks imports`, kept here without a clock."""

import json
import subprocess
import sys
import sysconfig
from functools import cache
from typing import Any

import pytest

from tests.sam import template
from tests.sam.template import ROOT

JOBS = sorted(template.job_functions())
APIS = sorted(template.api_functions())
FUNCTIONS = sorted(template.functions())

# Milliseconds, on the machine where they were measured, of a start of 110 (a job) or 190 (the API).
NEVER = {
    "boto3": 140,
    "botocore.session": 100,
    "jinja2": 30,
    "jwt": 30,
    "cryptography": 30,
    "itsdangerous": 10,
    "urllib.request": 10,
    "http.client": 8,
}
NOT_IN_A_JOB = {"pydantic": 70, "aws_lambda_powertools.event_handler": 60, "asyncio": 20}

START = """
import gc, importlib, json, sys
sys.path[:0] = sys.argv[2:]
looks = lambda: sum(each["collections"] for each in gc.get_stats())
before = looks()
importlib.import_module(sys.argv[1])
print(json.dumps([sorted(sys.modules), looks() - before]))
"""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_without_what_only_some_calls_need(function: str) -> None:
    modules, _ = _started(function)
    assert set(NEVER) & modules == _NEEDED.get(function, set())


@pytest.mark.parametrize("function", JOBS)
def test_a_job_starts_without_what_only_the_api_needs(function: str) -> None:
    modules, _ = _started(function)
    assert set(NOT_IN_A_JOB) & modules == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_garbage_is_hardly_looked_for_during_a_start(function: str) -> None:
    """The standard library may come before the package slowmatch, which ends it; without that, 60 to 100 times."""
    _, collections = _started(function)
    assert collections < 20


_NEEDED = {"ConsoleFunction": {"jinja2"}, "NotifierFunction": {"http.client"}}


@cache
def _started(function: str) -> tuple[set[str], int]:
    handler = template.functions()[function]["Handler"]
    folders = [str(ROOT / "functions"), str(ROOT / "layers" / "common"), sysconfig.get_path("purelib")]
    started = subprocess.run(
        [sys.executable, "-I", "-S", "-c", START, handler.rpartition(".")[0], *folders],
        env={"POWERTOOLS_SERVICE_NAME": "slowmatch", "POWERTOOLS_METRICS_NAMESPACE": "Slowmatch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    found: Any = json.loads(started.stdout)
    return set(found[0]), found[1]
