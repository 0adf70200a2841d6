"""`sam local start-lambda`: every function invoked by boto3, in Lambda's own container."""

from pathlib import Path

import pytest

from tests.sam import template
from tests.sam.invoking import Functions
from tests.sam.template import ROOT

FUNCTIONS = sorted(template.functions())
JOBS = template.job_functions()
SAMPLE = dict.fromkeys(JOBS, "direct-payload") | {
    "RecordsApiFunction": "list",
    "JobsApiFunction": "list-jobs",
    "ConsoleFunction": "dashboard",
    "DispatcherFunction": "direct",
    "MigrateFunction": "status",
    "NotifierFunction": "look",
}


def sample(function: str, name: str) -> Path:
    return ROOT / "events" / template.folder(function) / f"{name}.json"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_boto3_invokes_every_function(functions: Functions, function: str) -> None:
    answer = functions.invoke(function, sample(function, SAMPLE[function])).value
    if function in JOBS:
        assert (answer["job"], answer["state"]) == (JOBS[function], "succeeded"), answer
    elif function in template.api_functions():
        assert answer["statusCode"] == 200, answer
    else:
        assert "errorType" not in answer, answer


def test_what_a_function_raises_comes_back_in_words(functions: Functions) -> None:
    answer = functions.invoke("DbCleanupFunction", sample("DbCleanupFunction", "direct-run")).value
    assert answer["errorType"] == "EventError"
    assert answer["errorMessage"].startswith("there is no run ")


def test_each_function_stays_warm_in_one_container(functions: Functions) -> None:
    functions.invoke("DispatcherFunction", sample("DispatcherFunction", "direct"))
    before = functions.sam.containers
    functions.invoke("DispatcherFunction", sample("DispatcherFunction", "direct"))
    assert functions.sam.containers == before
    assert len(before) <= len(FUNCTIONS)
