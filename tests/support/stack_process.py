"""Runs the stack on one machine in a separate process, with its own folder and ports."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import boto3

from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60
"""When a test gives up waiting: long enough for a machine that runs other tests beside it."""


@dataclass
class Stack:
    """Talks to the running stack over HTTP, as its users do."""

    port: int
    data: Path
    process: "subprocess.Popen[bytes]"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        names = {
            "content-type": "application/json",
            **{key.replace("_", "-"): headers[key] for key in headers},
        }
        request = urllib.request.Request(f"{self.address}{path}", data, names, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            with error:
                text, status = error.read(), error.code
        return status, json.loads(text) if text else None

    def page(self, path: str, **headers: str) -> tuple[int, Message, str]:
        """The status, headers and text of a page."""
        names = {key.replace("_", "-"): headers[key] for key in headers}
        request = urllib.request.Request(f"{self.address}{path}", headers=names)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def get(self, path: str) -> Any:
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer

    def trigger(self, job: str, **body: Any) -> dict[str, Any]:
        status, run = self.call("POST", f"/api/jobs/{job}/runs", body)
        assert status == 202, run
        return dict(run)

    def add_record(self, title: str, expires_in: timedelta) -> dict[str, Any]:
        body = {"title": title, "expiry_date": (datetime.now(UTC) + expires_in).isoformat()}
        status, record = self.call("POST", "/api/records", body)
        assert status == 201, record
        return dict(record)

    def invoke(self, function: str, event: Any) -> Any:
        """Lambda's Invoke API, as boto3 and the AWS command line use it."""
        status, answer = self.call("POST", f"/2015-03-31/functions/{function}/invocations", event)
        assert status == 200, answer
        return answer

    def dispatch(self) -> Any:
        return self.invoke("DispatcherFunction", {})

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.get(f"/api/runs/{run_id}"))

    def wait(self, run_id: str, *states: str, seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        return dict(until(lambda: self.run(run_id), lambda run: run["state"] in states, seconds))

    def processes(self, function: str) -> list[int]:
        functions = self.get("/local/state")["functions"]
        (found,) = (each for each in functions if each["logical_id"] == function)
        return [process["pid"] for process in found["processes"]]

    def sqs(self) -> Any:
        return self.aws("sqs")

    def aws(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port + 2}",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


def until(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = DEADLINE_SECONDS) -> Any:
    """Call `look` until `good` accepts the value, and return it. A failure shows the last value."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"not in {seconds} s: {seen}"
        time.sleep(0.1)
    return seen


def kill(pid: int) -> None:
    """SIGKILL, as the out-of-memory killer does."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def with_timeouts(template: str, seconds: int, visibility: int) -> str:
    """The template with this time-out for every job and this visibility for its queue, in seconds."""
    text = re.sub(
        r"\bTimeout: [0-9]+, Visibility: [0-9]+", f"Timeout: {seconds}, Visibility: {visibility}", template
    )
    text = re.sub(r"(Job, Timeout, \{ DefaultValue: )[0-9]+", rf"\g<1>{seconds}", text)
    return re.sub(r"(Job, Visibility, \{ DefaultValue: )[0-9]+", rf"\g<1>{visibility}", text)


@contextmanager
def running(
    folder: Path, *, port: int = 0, template: Path = ROOT / "template.yaml", **environment: str
) -> Iterator[Stack]:
    """A stack that is ready, with its output in `folder`/log. Fails if it does not stop cleanly."""
    port = port or free_ports()
    log = folder / "log"
    command = [sys.executable, "-m", "local", "up", "--port", str(port), "--data", str(folder / "data")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--template", str(template)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
        )
    try:
        until(
            log.read_text, lambda text: "Ready after" in text or process.poll() is not None, DEADLINE_SECONDS
        )
        assert process.poll() is None, log.read_text()
        yield Stack(port, folder / "data", process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(DEADLINE_SECONDS)
        finally:
            process.kill()
    assert status == 0, log.read_text()[-2000:]
