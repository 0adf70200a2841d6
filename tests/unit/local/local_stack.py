"""A stack in a process of its own, started by its command line."""

import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local import ROOT
from tests.support.ports import free_ports
from tests.unit.local.support import DEADLINE_SECONDS, TEMPLATE, until

NUMBERS = itertools.count()


class LocalStack:
    """A stack in a separate process."""

    def __init__(
        self,
        folder: Path,
        command: str = "up",
        template: Path = TEMPLATE,
        program: Sequence[str] = ("local",),
        **environment: str,
    ) -> None:
        self.folder = folder
        self.command = command
        self.port = free_ports()
        self.log = folder.parent / f"{next(NUMBERS)}.log"
        arguments = [command, "--port", str(self.port), "--data", str(folder)]
        if command != "seed":
            arguments += ["--template", str(template)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program, *arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | environment,
            )

    def says(self, text: str) -> str:
        """Wait until the terminal shows `text`; everything it shows."""
        return until(
            self.log.read_text,
            lambda shown: text in shown or self.process.poll() is not None,
            DEADLINE_SECONDS,
        )

    def ready(self) -> "LocalStack":
        assert "Ready after" in self.says("Ready after")
        return self

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def get(self, path: str) -> Any:
        status, text = self.call("GET", path)
        assert status == 200, text
        return json.loads(text)

    def aws(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port + (0 if service == 'lambda' else 2)}",
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}),
        )

    def family(self) -> list[int]:
        """The processes that the stack has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)
