"""The commands of the README and of docs/tour.md, executed to the letter, and the answers that they promise."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.stack_process import ROOT, Stack, running, until

README = (ROOT / "README.md").read_text(encoding="utf-8")
README_TOUR = README.partition("\n## A tour in six commands\n")[2].partition("\n## ")[0]
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^( *)```(sh|json)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
DONE = "the block is done"


class Shell:
    """A shell in which a newcomer pastes one block after the other."""

    def __enter__(self) -> Self:
        self._bash = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bash.communicate()

    def paste(self, block: str) -> str:
        """Execute a block. Returns what it printed."""
        assert self._bash.stdin is not None and self._bash.stdout is not None
        self._bash.stdin.write(f"{block}\necho '{DONE}'\n")
        self._bash.stdin.flush()
        return "".join(iter(self._bash.stdout.readline, f"{DONE}\n"))


def blocks(text: str, address: str) -> Iterator[tuple[str, str]]:
    """The commands and answers, without their indentation."""
    for indentation, kind, block in BLOCK.findall(text.replace("http://127.0.0.1:8080", address)):
        yield kind, re.sub(f"^{indentation}", "", block, flags=re.MULTILINE)


def follow(text: str, stack: Stack) -> int:
    """Execute the commands of a document, compare the promised answers, and count the requests."""
    requests, printed = 0, ""
    with Shell() as shell:
        for kind, block in blocks(text, stack.address):
            if kind == "sh":
                printed = shell.paste(block)
                requests += block.count("curl ")
                until(lambda: busy(stack), lambda found: not found)
            else:
                lines = (re.escape(line).replace(re.escape("..."), ".*") for line in block.splitlines())
                wanted = "\n".join(f"^{line}" for line in lines)
                assert re.search(wanted, printed, re.MULTILINE), f"not promised: {printed}"
    return requests


def busy(stack: Stack) -> bool:
    return any(stack.get(f"/api/runs?state={state}")["items"] for state in ("enqueued", "processing"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack without records, as a newcomer has it."""
    folder: Path = tmp_path_factory.mktemp("newcomer")
    with running(folder) as stack:
        yield stack


def test_the_readme_shows_three_jobs_and_a_failing_mail(fresh: Stack) -> None:
    assert follow(README_TOUR, fresh) == 6
    assert fresh.get("/api/records/1")["is_expired"]
    failed, cleanup, summary, expiry = fresh.get("/api/runs")["items"]
    assert fresh.run(expiry["id"])["result"] == {"expired": 1}
    assert fresh.run(summary["id"])["result"]["sent"] == ["you@example.com"]
    assert fresh.run(cleanup["id"])["result"] == {"would_delete": 0}
    assert (failed["job"], failed["state"], failed["failures"]) == ("daily-summary", "scheduled", 1)
    (mail,) = fresh.get("/outbox.json")
    assert re.search(r"Expired.* 1\r?\n", mail["text"])
    fresh.call("PUT", "/outbox/mode", {"mode": "accept"})
    fresh.call("POST", f"/api/runs/{failed['id']}/run-now")
    fresh.wait(failed["id"], "succeeded")
    assert len(fresh.get("/outbox.json")) == 2


def test_the_longer_tour_gets_the_answers_that_it_promises(fresh: Stack) -> None:
    assert follow(TOUR, fresh) > 20
    assert fresh.get("/api/runs?state=failed")["items"] == []
