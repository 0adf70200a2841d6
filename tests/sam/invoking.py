"""The two ways to invoke a function in Docker: `sam local invoke`, and boto3 through `sam local start-lambda`."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.sam.backing import Backing
from tests.sam.serving import Serving
from tests.sam.template import ROOT

PATIENCE_SECONDS = 180  # the first invocation of a function builds its image and starts its container


@dataclass(frozen=True)
class Outcome:
    """What came of one invocation."""

    answer: str
    log: str

    @property
    def value(self) -> Any:
        try:
            return json.loads(self.answer)
        except ValueError:
            pytest.fail(f"no JSON came back: {self.answer!r}\n{self.log}")


def sam_local_invoke(services: Backing, function: str, event: Path) -> Outcome:
    """In a container of its own."""
    command = [os.environ.get("SAM", "sam"), "local", "invoke", function, "--event", str(event)]
    result = subprocess.run(
        [*command, "--env-vars", str(services.environment)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return Outcome(result.stdout.strip(), result.stderr)


class Functions:
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

    def invoke(self, function: str, event: Path | dict[str, Any]) -> Outcome:
        """In the function's warm container, or its first."""
        payload = event.read_bytes() if isinstance(event, Path) else json.dumps(event).encode()
        answer = self._client.invoke(FunctionName=function, Payload=payload)
        return Outcome(answer["Payload"].read().decode(), f"HTTP {answer['StatusCode']}")
