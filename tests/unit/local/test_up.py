"""`python -m local up` as a person meets it: the fixture's template, started, used, broken and stopped."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import command_of
from tests.support.stack_process import DEADLINE_SECONDS, Stack, running, start, until
from tests.unit.local.support import TEMPLATE, alive


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("up")
    (folder / "data").mkdir()
    (folder / "data" / "job-secrets.json").write_text('{"expiry-webhook/webhook-token": "s3cret"}')
    with running(folder, template=TEMPLATE) as stack:
        yield stack


def test_it_reports_what_it_starts_and_prints_the_addresses(up: Stack) -> None:
    # The addresses follow the line that the stack is ready, SMTP's last.
    shown = until(
        up.log.read_text, lambda text: re.search(r"^  SMTP +127\.0\.0\.1:\d+\n", text, re.MULTILINE)
    )
    for name in ("PostgreSQL", "AWS (moto)", "SMTP", "Gateway"):
        assert re.search(rf"{re.escape(name)} +starting on .*127\.0\.0\.1:\d+", shown)
        assert re.search(rf"{re.escape(name)} +ready after \d+\.\d s", shown)
    assert f"{up.address}/outbox" in shown
    assert "AUTH=local: everybody on this machine is admin" in shown


def test_the_state_shows_processes_queues_and_rules(up: Stack) -> None:
    up.call("GET", "/things/1")
    state = up.get("/local/state")
    assert state["pid"] == up.process.pid
    (function,) = state["functions"]
    assert all(alive(process["pid"]) for process in function["processes"])
    assert [queue["name"] for queue in state["queues"]] == ["slowmatch-work", "slowmatch-DeadLetters"]
    rules = until(
        lambda: {rule["name"]: rule for rule in up.get("/local/state")["rules"]},
        lambda found: found["slowmatch-nightly"]["next"],
    )
    assert rules["slowmatch-nightly"]["next"].endswith("T02:00:00Z")
    assert rules["slowmatch-PausedRule"]["state"] == "DISABLED"


def test_two_messages_reach_the_function_in_one_batch(up: Stack, tmp_path: Path) -> None:
    queue, written = up.aws("sqs"), tmp_path / "written"
    url = queue.get_queue_url(QueueName="slowmatch-work")["QueueUrl"]
    bodies = (json.dumps({"file": str(written), "n": number}) for number in range(2))
    queue.send_message_batch(
        QueueUrl=url,
        Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)],
    )
    arrived = until(
        lambda: written.read_text().splitlines() if written.exists() else [], lambda found: len(found) == 2
    )
    assert [json.loads(line)["batch"] for line in arrived] == [2, 2]


def test_boto3_invokes_the_function(up: Stack) -> None:
    client = up.aws("lambda", up.port)
    answer = client.invoke(FunctionName="slowmatch-TinyFunction", Payload=b"{}")
    assert json.loads(answer["Payload"].read())["layer"] == "from the layer"
    failed = client.invoke(FunctionName="TinyFunction", Payload=b'{"do": "raise", "message": "no"}')
    assert failed["FunctionError"] == "Unhandled"


def test_secret_of_a_job_is_found_by_its_name(up: Stack) -> None:
    name = "slowmatch/jobs/expiry-webhook/webhook-token"
    assert up.aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"] == "s3cret"


def test_mail_sent_by_ses_is_in_the_outbox(up: Stack) -> None:
    message = b"From: slowmatch@example.com\r\nTo: you@example.com\r\nSubject: Hello\r\n\r\ntext\r\n"
    recipients = {"ToAddresses": ["you@example.com"]}
    up.aws("sesv2").send_email(Destination=recipients, Content={"Raw": {"Data": message}})
    (mail,) = up.get("/outbox.json")
    assert (mail["to"], mail["text"]) == (["you@example.com"], "text\n")


def test_pages_are_shown_without_scripts(up: Stack) -> None:
    for path, said in (("/", "TinyFunction"), ("/local", "slowmatch-work"), ("/outbox", "Outbox")):
        status, headers, text = up.page(path)
        assert status == 200 and said in text
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert re.findall("<script[^>]*>", text) == ['<script src="/local/preferences.js">'], path
    assert up.page("/local/style.css")[0] == up.page("/local/preferences.js")[0] == 200
    assert up.page("/outbox/none")[0] == up.page("/outbox/none/html")[0] == 404


def test_a_second_stack_in_the_folder_is_refused(up: Stack) -> None:
    second = start(up.data, template=TEMPLATE)
    assert second.process.wait(DEADLINE_SECONDS) == 2
    assert f"process {up.process.pid}" in second.log.read_text()


def test_sam_local_gets_addresses_that_containers_know(up: Stack) -> None:
    values = json.loads((up.data / "sam-env.json").read_text())["Parameters"]
    assert values["DB_PORT"] == str(up.port + 1)
    assert values["AWS_ENDPOINT_URL"] == f"http://localhost:{up.port + 2}"
    assert values["AUTH"] == "local"


def test_a_wrong_setting_ends_it_with_its_name(tmp_path: Path) -> None:
    stack = start(tmp_path / "data", BATCH_SIZE="0")
    assert stack.process.wait(DEADLINE_SECONDS) == 1
    shown = stack.log.read_text()
    assert shown.splitlines()[-1].startswith("slowmatch: the migrations failed: BATCH_SIZE is '0'")
    assert "Traceback" not in shown


def test_a_stop_in_the_middle_of_an_invocation_leaves_nothing(tmp_path: Path) -> None:
    stack = start(tmp_path / "data", template=TEMPLATE).ready()
    path = "/2015-03-31/functions/TinyFunction/invocations"
    stack.call("POST", path, {"do": "sleep", "seconds": 50}, X_Amz_Invocation_Type="Event")
    until(lambda: "busy" in [p["state"] for p in stack.get("/local/state")["functions"][0]["processes"]])
    children = stack.children()
    assert len(children) >= 3
    assert stack.stop(signal.SIGTERM) == 0
    assert not any(alive(pid) for pid in children)
    assert stack.log.read_text().rstrip().endswith("stopped")


def test_after_a_kill_the_same_folder_starts_again(tmp_path: Path) -> None:
    killed = start(tmp_path / "data", template=TEMPLATE).ready()
    children = killed.children()
    killed.process.kill()
    killed.process.wait()
    until(lambda: not any(alive(pid) for pid in children))
    assert start(tmp_path / "data", template=TEMPLATE).ready().stop() == 0


@pytest.mark.parametrize(
    ("server", "said"), [("moto_server", "AWS (moto) ended"), ("/bin/postgres ", "PostgreSQL ended")]
)
def test_a_service_that_ends_by_itself_ends_the_stack(tmp_path: Path, server: str, said: str) -> None:
    stack = start(tmp_path / "data", "services").ready()
    (pid,) = (child for child in stack.children() if server in command_of(str(child)))
    os.kill(pid, signal.SIGKILL)
    assert stack.process.wait(DEADLINE_SECONDS) == 1
    shown = stack.log.read_text()
    assert f"slowmatch: {said}" in shown and "Traceback" not in shown
