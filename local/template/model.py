"""The parts of a template that run here, with every intrinsic resolved."""

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_CONCURRENCY = 4
MAX_CONCURRENCY = 4 * (os.cpu_count() or 1)
"""Processes share this machine's processors: more would only slow down each other's start."""


@dataclass(frozen=True)
class Route:
    """`method` may be ANY; `path` as in the template: `/api/records/{id}`, or `$default`."""

    method: str
    path: str

    @property
    def key(self) -> str:
        return self.path if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True)
class QueueSource:
    """An event source mapping from a queue to a function; `window` in seconds."""

    queue_arn: str
    batch_size: int
    window: float
    maximum_concurrency: int | None
    reports_item_failures: bool
    enabled: bool


@dataclass(frozen=True)
class Function:
    """`timeout` in seconds, `memory` in MB; `environment` has None for AWS::NoValue.

    `retries` is the number of retries of a failed asynchronous invocation.
    """

    logical_id: str
    name: str
    arn: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    timeout: float
    memory: int
    reserved_concurrency: int | None
    retries: int
    environment: dict[str, str | None]
    routes: tuple[Route, ...]
    queues: tuple[QueueSource, ...]
    topics: tuple[str, ...]

    @property
    def concurrency(self) -> int:
        wanted = DEFAULT_CONCURRENCY if self.reserved_concurrency is None else self.reserved_concurrency
        return min(wanted, MAX_CONCURRENCY)

    @property
    def label(self) -> str:
        """The function's folder in functions/."""
        return self.handler.split(".")[0]


@dataclass(frozen=True)
class Queue:
    logical_id: str
    name: str
    url: str
    arn: str
    attributes: dict[str, str]
    dead_letter_arn: str | None
    max_receive_count: int


@dataclass(frozen=True)
class Target:
    """`input` is constant, or with `paths` (the InputPathsMap) an input template."""

    arn: str
    input: str | None
    paths: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True)
class Rule:
    """Without a schedule `expression` it never fires: nothing sends events here."""

    logical_id: str
    name: str
    expression: str | None
    enabled: bool
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Topic:
    logical_id: str
    name: str
    arn: str


@dataclass(frozen=True)
class Secret:
    logical_id: str
    name: str


@dataclass(frozen=True)
class Template:
    functions: tuple[Function, ...]
    queues: tuple[Queue, ...]
    rules: tuple[Rule, ...]
    topics: tuple[Topic, ...]
    secrets: tuple[Secret, ...]

    def function(self, name: str) -> Function | None:
        """The function with this logical id, name or ARN."""
        for function in self.functions:
            if name in (function.logical_id, function.name, function.arn):
                return function
        return None

    def queue(self, arn: str) -> Queue | None:
        return next((queue for queue in self.queues if queue.arn == arn), None)
