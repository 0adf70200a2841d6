"""`make send-test-mail` against the running stack: what the provider answers, and why nothing was sent."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_ports
from tests.support.stack_process import ROOT, Stack
from tools import send_test_mail


@pytest.fixture
def outbox(stack: Stack) -> Iterator[Stack]:
    """The stack with an outbox that is empty and in order."""
    stack.call("DELETE", "/outbox")
    yield stack
    stack.call("PUT", "/outbox/mode", {"mode": "accept"})


def make(*variables: str) -> "subprocess.CompletedProcess[str]":
    # -o: the environment that the tests run in is there, however old its lock file looks.
    command = ["make", "--no-print-directory", "-o", ".venv/.run", "-o", ".venv-sam/.sam", "send-test-mail"]
    return subprocess.run([*command, *variables], cwd=ROOT, capture_output=True, text=True, check=False)


def send(stack: Stack, to: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.send_test_mail", "--to", to]
    command += ["--port", str(stack.port), "--data", str(stack.data)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_shows_what_the_provider_answered_each_recipient(outbox: Stack) -> None:
    done = send(outbox, "ann@example.com, bob@example.com")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines()[:2])
    assert set(lines) == {"ann@example.com", "bob@example.com"}
    assert all(answer.startswith("250 ") for answer in lines.values())
    mails = outbox.get("/outbox.json")
    assert {mail["to"][0]: mail["subject"] for mail in mails} == dict.fromkeys(
        lines, "slowmatch: test email, it works"
    )


def test_what_the_provider_refuses_is_said_in_its_words(outbox: Stack) -> None:
    assert outbox.call("PUT", "/outbox/mode", {"mode": "reject-recipient"})[0] < 300
    done = send(outbox, "ann@example.com")
    assert done.returncode == 1
    assert "The test mail was not sent: " in done.stderr
    assert "550 5.1.1 <ann@example.com>: no such mailbox" in done.stderr


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("", "the recipient is missing: make send-test-mail TO=you@example.com"),
        ("nobody", "payload.to must be a list of email addresses"),
    ],
)
def test_without_an_address_nothing_is_sent(outbox: Stack, to: str, words: str) -> None:
    done = send(outbox, to)
    assert done.returncode == 2
    assert words in done.stderr
    assert outbox.get("/outbox.json") == []


def test_a_stack_of_another_folder_sends_nothing(outbox: Stack) -> None:
    done = make("TO=ann@example.com", f"PORT={outbox.port}")
    assert done.returncode != 0
    assert f"belongs to {outbox.data}, not to {ROOT / '.slowmatch'}: specify the port" in done.stderr
    assert outbox.get("/outbox.json") == []


def test_without_a_stack_it_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert send_test_mail.main(["--to", "ann@example.com", "--port", str(free_ports())]) == 2
    assert "start it with make run" in capsys.readouterr().err


def test_a_stage_is_asked_through_the_sam_cli() -> None:
    command = make("--just-print", "TO=ann@example.com", "STAGE=prod").stdout
    assert '--to "ann@example.com"' in command
    assert '--stage "prod" --sam .venv-sam/bin/sam' in command


def test_an_unknown_stage_is_named_before_anybody_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert send_test_mail.main(["--to", "ann@example.com", "--stage", "test", "--sam", "/no/sam"]) == 2
    assert "samconfig.toml has no stage 'test'; it has default, prod" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (
            {
                "state": "succeeded",
                "error": None,
                "result": {"through": "Amazon SES", "answers": {"ann@example.com": "0100"}},
            },
            0,
            "ann@example.com: 0100\nAccepted by Amazon SES.",
        ),
        ({"errorMessage": "run 1 failed: MailError: no"}, 1, "not sent: run 1 failed: MailError: no"),
        ("Error: no such stack", 2, "the stage prod could not be invoked: Error: no such stack"),
        ("", 2, "the stage prod could not be invoked: the reason is above"),
    ],
)
def test_what_a_stage_answers_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: object, status: int, words: str
) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    sam = tmp_path / "sam"
    sam.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"assert sys.argv[1:6] == ['remote', 'invoke', 'SendTestMailFunction', '--config-env', 'prod']\n"
        f'assert sys.argv[7] == \'{{"payload": {{"to": ["ann@example.com"]}}}}\'\n'
        f"print({text!r})\n"
    )
    sam.chmod(0o755)
    assert send_test_mail.main(["--to", "ann@example.com", "--stage", "prod", "--sam", str(sam)]) == status
    said = capsys.readouterr()
    assert words in said.out + said.err
