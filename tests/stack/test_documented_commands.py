"""The commands of the README and of docs/tour.md, executed to the letter, and the answers that they promise."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack_process import ROOT, Stack, running, until, without_schedules

README = (ROOT / "README.md").read_text(encoding="utf-8")
README_TOUR = README.partition("\n## A tour in six commands\n")[2].partition("\n[The longer tour]")[0]
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^( *)```(sh|json)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
DONE = "the block is done"


def paste(block: str, shell: "subprocess.Popen[str]") -> str:
    """Execute a block. Returns what it printed."""
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(f"{block}\necho '{DONE}'\n")
    shell.stdin.flush()
    return "".join(iter(shell.stdout.readline, f"{DONE}\n"))


def blocks(text: str, address: str) -> Iterator[tuple[str, str]]:
    """The commands and answers, without their indentation."""
    for indentation, kind, block in BLOCK.findall(text.replace("http://127.0.0.1:8080", address)):
        yield kind, re.sub(f"^{indentation}", "", block, flags=re.MULTILINE)


def follow(text: str, stack: Stack) -> int:
    """Execute the commands of a document, compare the promised answers, and count the requests."""
    requests, printed = 0, ""
    pipe = subprocess.PIPE
    with subprocess.Popen(["bash"], stdin=pipe, stdout=pipe, text=True, cwd=stack.data.parent) as shell:
        for kind, block in blocks(text, stack.address):
            if kind == "sh":
                printed = paste(block, shell)
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
    """A stack without records, as a newcomer has it, in which no schedule starts a run of its own meanwhile."""
    folder: Path = tmp_path_factory.mktemp("newcomer")
    with running(folder, template=without_schedules(folder)) as stack:
        yield stack


def test_the_readme_shows_three_jobs_and_a_failing_mail(fresh: Stack) -> None:
    assert follow(README_TOUR, fresh) == 7  # six, and the one that repairs the mail server
    assert fresh.get("/api/records/1")["is_expired"]
    failed, cleanup, summary, expiry = (fresh.run(run["id"]) for run in fresh.get("/api/runs")["items"])
    assert expiry["result"] == {"expired": 1}
    assert summary["result"]["sent"] == ["you@example.com"]
    assert cleanup["result"] == {"would_delete": 0}
    assert failed["job"] == "daily-summary" and failed["attempts"][0]["outcome"] == "failed"
    fresh.call("POST", f"/api/runs/{failed['id']}/run-now")
    fresh.wait(failed["id"], "succeeded")
    mails = [mail["text"] for mail in fresh.get("/outbox.json")]
    assert [bool(re.search(r"Expired.* 1\r?\n", text)) for text in mails] == [True, True]


def test_the_longer_tour_gets_the_answers_that_it_promises(fresh: Stack) -> None:
    assert follow(TOUR, fresh) > 20
    assert fresh.get("/api/runs?state=failed")["items"] == []
