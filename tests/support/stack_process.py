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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any, Self

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
    log: Path
    process: "subprocess.Popen[bytes]"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, text: str) -> str:
        """Wait until the output has `text`, or the process has ended. Returns the output."""
        return str(until(self.log.read_text, lambda shown: text in shown or self.process.poll() is not None))

    def ready(self) -> Self:
        assert "Ready after" in self.says("Ready after"), self.log.read_text()
        return self

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Returns the exit status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE_SECONDS)
        finally:
            self.process.kill()

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

    def import_csv(self, text: str) -> tuple[int, Any]:
        """Import records through the API."""
        headers = {"content-type": "text/csv"}
        request = urllib.request.Request(
            f"{self.address}/api/records/import", text.encode(), headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())

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

    def children(self) -> list[int]:
        """The processes that the stack has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def sqs(self) -> Any:
        return self.aws("sqs")

    def aws(self, service: Any, port: int | None = None) -> Any:
        """A client of the stack's AWS, or of what listens on `port`."""
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port or self.port + 2}",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


def until(
    look: Callable[[], Any], good: Callable[[Any], Any] = bool, seconds: float = DEADLINE_SECONDS
) -> Any:
    """Call `look` until `good` accepts the value, and return it. A failure shows the last value."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"not in {seconds} s: {seen}"
        time.sleep(0.05)
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


def without_schedules(folder: Path) -> Path:
    """The project's template in `folder`, beside its code, with every schedule twelve hours away."""
    for code in ("functions", "layers"):
        (folder / code).symlink_to(ROOT / code)
    hour = (datetime.now(UTC) + timedelta(hours=12)).hour
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    changed, number = re.subn(
        r'\bSchedule: "cron\(0 \S+ \* \* \? \*\)"', f'Schedule: "cron(0 {hour} * * ? *)"', text
    )
    assert number == text.count('Schedule: "cron(') - 1  # the dispatcher's own
    template = folder / "template.yaml"
    template.write_text(changed, encoding="utf-8")
    return template


def start(
    data: Path,
    command: str = "up",
    *,
    program: Sequence[str] = ("local",),
    port: int = 0,
    template: Path = ROOT / "template.yaml",
    **environment: str,
) -> Stack:
    """Start a stack in a session of its own, with its output beside the folder `data`."""
    port = port or free_ports()
    log = data.with_name(f"{port}.log")
    arguments = [command, "--port", str(port), "--data", str(data), "--template", str(template)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *program, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | environment,
        )
    return Stack(port, data, log, process)


@contextmanager
def running(
    folder: Path, *, port: int = 0, template: Path = ROOT / "template.yaml", **environment: str
) -> Iterator[Stack]:
    """A stack that is ready, with its data in `folder`/data. Fails if it does not stop cleanly."""
    stack = start(folder / "data", port=port, template=template, **environment)
    try:
        yield stack.ready()
    finally:
        status = stack.stop()
    assert status == 0, stack.log.read_text()[-2000:]
