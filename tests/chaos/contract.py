"""Schemathesis against a running stack, as one role at a time, and what was answered to each request."""

import json
import re
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slowmatch.jobs.catalog import JOBS
from tests.chaos.report import SEED
from tests.support.stack_process import ROOT, Stack

DOCUMENT = ROOT / "docs" / "openapi.json"
TOOL = ROOT / ".venv-chaos" / "bin" / "st"
RANKS = {"viewer": 1, "operator": 2, "admin": 3}
PEOPLE = {"viewer": "vera", "operator": "otto", "admin": "ada", "in no group": "nobody"}
NO_TOKEN = "without a token"
_BOUND_SECONDS = 400


@dataclass(frozen=True)
class Answered:
    """One request and its answer; `path` is the document's, None for an address that it does not have.

    `nowhere`: no route takes this address, because a part of it has characters that no identifier has.
    """

    method: str
    path: str | None
    url: str
    status: int
    nowhere: bool

    @property
    def operation(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Tried:
    """What came of one role: Schemathesis' own verdict, and every request for a look at it from here."""

    passed: bool
    said: str
    answers: list[Answered]


def try_all(stack: Stack, role: str, folder: Path, phases: str, examples: int) -> Tried:
    """All operations of the document as `role`, whose requests are the same every time."""
    traffic, document = folder / "traffic.json", folder / "openapi.json"
    document.write_text(json.dumps(_with_job_names(_document())), encoding="utf-8")
    command: list[str | Path] = [
        TOOL,
        "--no-color",
        f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
        "run",
    ]
    options = [f"--url={stack.address}", f"--phases={phases}", f"--max-examples={examples}", f"--seed={SEED}"]
    reports = ["--report=har", f"--report-har-path={traffic}", "--warnings=off"]
    done = subprocess.run(
        [*command, document, *options, *reports, *_authorization(stack, role)],
        capture_output=True,
        text=True,
        timeout=_BOUND_SECONDS,
        cwd=folder,
    )
    return Tried(done.returncode == 0, f"{done.stdout}\n{done.stderr}", _read(traffic))


def needed_roles() -> dict[str, str | None]:
    """The role that the document says each operation needs; None for one that is open to everybody."""
    found: dict[str, str | None] = {}
    for path, operations in _document()["paths"].items():
        for method, operation in operations.items():
            said = operation["responses"].get("403", {}).get("description", "")
            role = re.fullmatch(r"The role (\w+) is required", said)
            found[f"{method.upper()} {path}"] = role[1] if role else None
    return found


def across_roles(role: str, answers: list[Answered]) -> list[Answered]:
    """The answers that `role` ought not to have had."""
    needed = needed_roles()
    refusals = (401,) if role == NO_TOKEN else (401, 403)
    wrong: list[Answered] = []
    for answer in answers:
        if answer.operation not in needed or answer.nowhere:
            wrong += [answer] if answer.status < 300 else []  # the console may lead to its sign-in
            continue
        wanted = needed[answer.operation]
        if wanted and RANKS.get(role, 0) < RANKS[wanted] and answer.status not in refusals:
            wrong.append(answer)
    return wrong


def _authorization(stack: Stack, role: str) -> list[str]:
    if role == NO_TOKEN:
        return []
    address = f"http://127.0.0.1:{stack.port + 4}/token?user={PEOPLE[role]}"
    with urllib.request.urlopen(address) as answer:
        return [f"--header=Authorization: Bearer {answer.read().decode()}"]


def _read(traffic: Path) -> list[Answered]:
    if not traffic.exists():
        return []
    patterns = {
        path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        for path in sorted(_document()["paths"], key=_vague)
    }
    entries = json.loads(traffic.read_text("utf-8"))["log"]["entries"]
    return [_answered(entry, patterns) for entry in entries]


def _vague(path: str) -> int:
    """Addresses without parameters come first: `/api/runs/delete` is no run's."""
    return path.count("{")


def _answered(entry: dict[str, Any], patterns: dict[str, re.Pattern[str]]) -> Answered:
    request = entry["request"]
    address = urlsplit(request["url"]).path
    path = next((path for path, pattern in patterns.items() if pattern.fullmatch(address)), None)
    response = entry["response"]
    nowhere = "this address does not exist" in response["content"].get("text", "")
    return Answered(request["method"], path, request["url"], response["status"], nowhere)


def _with_job_names(document: dict[str, Any]) -> dict[str, Any]:
    """The document does not list the jobs; without their names nearly every request would be for none."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if (parameter["name"], parameter["in"]) == ("job", "path"):
                    parameter["schema"]["enum"] = sorted(JOBS)
    return document


def _document() -> dict[str, Any]:
    return dict(json.loads(DOCUMENT.read_text("utf-8")))
