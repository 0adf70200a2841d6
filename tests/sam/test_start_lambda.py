"""`sam local start-lambda`: every function invoked by boto3, in Lambda's own container."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.sam import template
from tests.sam.backing import Backing, prepared_run
from tests.sam.serving import Serving, serving
from tests.sam.template import ROOT

PATIENCE_SECONDS = 120  # the first invocation of a function builds its image and starts its container
FUNCTIONS = sorted(template.functions())
JOBS = {function: template.job_of(queue) for function, queue in template.queue_functions().items()}
SAMPLE = dict.fromkeys(JOBS, "direct-payload") | {
    "RecordsApiFunction": "list",
    "JobsApiFunction": "list-jobs",
    "ConsoleFunction": "dashboard",
    "DispatcherFunction": "direct",
    "MigrateFunction": "status",
    "NotifierFunction": "look",
}


class Lambda:
    """boto3's client for Lambda, as anybody would set it up but for its patience."""

    def __init__(self, sam: Serving) -> None:
        self.sam = sam
        self._client = boto3.client(
            "lambda",
            endpoint_url=sam.address,
            region_name="us-east-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
            config=Config(read_timeout=PATIENCE_SECONDS, retries={"total_max_attempts": 1}),
        )

    def invoke(self, function: str, event: Any) -> Any:
        answer = self._client.invoke(FunctionName=function, Payload=json.dumps(event))
        assert answer["StatusCode"] == 200
        return json.loads(answer["Payload"].read())

    def sample(self, function: str, name: str) -> Any:
        return self.invoke(function, json.loads(_path(function, name).read_text(encoding="utf-8")))


def _path(function: str, name: str) -> Path:
    return ROOT / "events" / template.folder(function) / f"{name}.json"


@pytest.fixture(scope="module")
def functions(migrated: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lambda]:
    with serving("start-lambda", migrated, tmp_path_factory.mktemp("start-lambda") / "log") as sam:
        yield Lambda(sam)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_boto3_invokes_every_function(functions: Lambda, function: str) -> None:
    answer = functions.sample(function, SAMPLE[function])
    if function in JOBS:
        assert (answer["job"], answer["state"]) == (JOBS[function], "succeeded"), answer
    elif function in template.api_functions():
        assert answer["statusCode"] == 200, answer
    else:
        assert "errorType" not in answer, answer


@pytest.mark.parametrize("function", sorted(JOBS))
def test_a_message_of_a_queue_is_worked_off(functions: Lambda, function: str) -> None:
    assert functions.sample(function, "sqs-tick") == {"batchItemFailures": []}


def test_a_run_that_waits_is_started_by_its_id(functions: Lambda) -> None:
    run_id = prepared_run("db-cleanup", "scheduled")
    run = functions.invoke("DbCleanupFunction", {"run_id": run_id})
    assert (run["id"], run["state"]) == (run_id, "succeeded")


def test_what_a_function_raises_comes_back_in_words(functions: Lambda) -> None:
    answer = functions.sample("DbCleanupFunction", "direct-run")
    assert answer["errorType"] == "EventError"
    assert answer["errorMessage"].startswith("there is no run ")


def test_a_test_mail_arrives(functions: Lambda, migrated: Backing) -> None:
    before = len(migrated.mails)
    result = functions.invoke("MailTestFunction", {"payload": {"to": ["ann@example.com"]}})["result"]
    assert result["answers"]["ann@example.com"].startswith("250 ")
    assert len(migrated.mails) == before + 1


def test_each_function_stays_warm_in_one_container(functions: Lambda) -> None:
    functions.sample("DispatcherFunction", "direct")
    before = functions.sam.containers
    functions.sample("DispatcherFunction", "direct")
    assert functions.sam.containers == before
    assert len(before) <= len(FUNCTIONS)
