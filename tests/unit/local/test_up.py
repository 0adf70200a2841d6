"""`python -m local up` as a person meets it: the fixture's template, started, used, broken and stopped."""

import json
import os
import re
import signal
import smtplib
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from tests.unit.local.local_stack import LocalStack
from tests.unit.local.support import DEADLINE_SECONDS, alive, until


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    data = tmp_path_factory.mktemp("up") / "data"
    data.mkdir()
    (data / "job-secrets.json").write_text('{"expiry-webhook/webhook-token": "s3cret"}')
    stack = LocalStack(data)
    try:
        yield stack.ready()
    finally:
        status = stack.stop()
    assert status == 0, stack.log.read_text()


def records(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_it_reports_what_it_starts_and_prints_the_addresses(up: LocalStack) -> None:
    shown = up.log.read_text()
    for name in ("PostgreSQL", "AWS (moto)", "SMTP", "Gateway"):
        assert re.search(rf"{re.escape(name)} +starting on .*127\.0\.0\.1:\d+", shown)
        assert re.search(rf"{re.escape(name)} +ready after \d+\.\d s", shown)
    assert f"http://127.0.0.1:{up.port}/outbox" in shown


def test_a_request_goes_through_to_the_function(up: LocalStack) -> None:
    status, text = up.call("GET", "/things/7?x=1")
    assert status == 200
    assert json.loads(text)["pathParameters"] == {"id": "7"}
    assert up.call("GET", "/things/1?crash=1") == (500, '{"message":"Internal Server Error"}\n')
    assert up.call("GET", "/things/1?full=1") == (201, "made")


def test_the_state_shows_processes_queues_and_rules(up: LocalStack) -> None:
    up.call("GET", "/things/1")
    state = up.get("/local/state")
    assert state["pid"] == up.process.pid
    (function,) = state["functions"]
    assert all(alive(process["pid"]) for process in function["processes"])
    assert [queue["name"] for queue in state["queues"]] == ["slowmatch-work", "slowmatch-DeadLetters"]
    rules = until(
        lambda: {rule["name"]: rule for rule in up.get("/local/state")["rules"]},
        lambda r: r["slowmatch-nightly"]["next"],
    )
    assert rules["slowmatch-nightly"]["next"].endswith("T02:00:00Z")
    assert rules["slowmatch-PausedRule"]["state"] == "DISABLED"


def test_a_message_reaches_the_function_in_a_batch(up: LocalStack, tmp_path: Path) -> None:
    client, written = up.aws("sqs"), tmp_path / "written"
    url = client.get_queue_url(QueueName="slowmatch-work")["QueueUrl"]
    for number in range(2):
        client.send_message(QueueUrl=url, MessageBody=json.dumps({"file": str(written), "n": number}))
    arrived = until(lambda: records(written), lambda found: len(found) == 2)
    assert len({record["batch"] for record in arrived}) == 1  # the template's window of two seconds
    until(
        lambda: up.get("/local/state")["queues"][0], lambda queue: queue["waiting"] + queue["in_flight"] == 0
    )


def test_a_notification_reaches_the_function(up: LocalStack, tmp_path: Path) -> None:
    written = tmp_path / "written"
    arn = "arn:aws:sns:us-east-1:000000000000:slowmatch-NewsTopic"
    up.aws("sns").publish(TopicArn=arn, Message=json.dumps({"file": str(written)}))
    until(lambda: records(written), lambda found: len(found) == 1)


def test_boto3_invokes_the_function(up: LocalStack) -> None:
    client = up.aws("lambda")
    answer = client.invoke(FunctionName="slowmatch-TinyFunction", Payload=b"{}")
    assert json.loads(answer["Payload"].read())["layer"] == "from the layer"
    failed = client.invoke(FunctionName="TinyFunction", Payload=b'{"do": "raise", "message": "no"}')
    assert failed["FunctionError"] == "Unhandled"


def test_secrets_and_verified_senders_are_there(up: LocalStack) -> None:
    secret = up.aws("secretsmanager").get_secret_value(
        SecretId="arn:aws:secretsmanager:us-east-1:000000000000:secret:slowmatch/database"
    )
    login = json.loads(secret["SecretString"])
    assert login["username"] == "slowmatch"
    assert login["password"] == (up.folder / "postgres-password").read_text()


def test_secret_of_a_job_is_found_by_its_name(up: LocalStack) -> None:
    name = "slowmatch/jobs/expiry-webhook/webhook-token"
    assert up.aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"] == "s3cret"


def test_mail_by_smtp_and_by_ses_is_in_the_outbox(up: LocalStack) -> None:
    up.call("DELETE", "/outbox")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "slowmatch@example.com", "you@example.com", "Hello"
    message.set_content("text")
    with smtplib.SMTP("127.0.0.1", up.port + 3, timeout=DEADLINE_SECONDS) as client:
        client.send_message(message)
    raw = {"Raw": {"Data": message.as_bytes()}}
    up.aws("sesv2").send_email(Destination={"ToAddresses": ["you@example.com"]}, Content=raw)
    mails = up.get("/outbox.json")
    assert [(mail["to"], mail["text"]) for mail in mails] == [(["you@example.com"], "text\n")] * 2
    assert up.call("PUT", "/outbox/mode", {"mode": "refuse"})[0] == 200
    with (
        smtplib.SMTP("127.0.0.1", up.port + 3, timeout=DEADLINE_SECONDS) as client,
        pytest.raises(smtplib.SMTPException),
    ):
        client.send_message(message)
    assert up.call("PUT", "/outbox/mode", {"mode": "accept"})[0] == 200


def test_pages_are_shown_without_scripts(up: LocalStack) -> None:
    for path, said in (("/", "TinyFunction"), ("/local", "slowmatch-work"), ("/outbox", "Outbox")):
        status, text = up.call("GET", path)
        assert status == 200
        assert said in text
        assert "<script" not in text
    assert up.call("GET", "/local/style.css")[0] == 200
    assert up.call("GET", "/outbox/none")[0] == 404
    assert up.call("GET", "/outbox/none/html")[0] == 404


def test_a_second_stack_in_the_folder_is_refused_with_the_firsts_process(up: LocalStack) -> None:
    second = LocalStack(up.folder)
    assert second.process.wait(DEADLINE_SECONDS) == 2
    assert f"process {up.process.pid}" in second.log.read_text()


def test_sam_local_gets_the_same_values_by_a_name_that_containers_know(up: LocalStack) -> None:
    values = json.loads((up.folder / "sam-env.json").read_text())["Parameters"]
    assert values["DB_PORT"] == str(up.port + 1)
    assert values["AWS_ENDPOINT_URL"] == f"http://localhost:{up.port + 2}"
    assert values["AUTH"] == "local"


def test_it_says_who_is_let_in(up: LocalStack) -> None:
    assert "AUTH=local: everybody on this machine is admin" in up.log.read_text()


def test_with_auth_oidc_there_is_a_provider_for_the_secret_that_the_functions_read(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "data", AUTH="oidc").ready()
    try:
        issuer = f"http://127.0.0.1:{stack.port + 4}"
        assert f"AUTH=oidc: {issuer}" in stack.log.read_text()
        with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration") as answer:
            assert json.load(answer)["issuer"] == issuer
        secrets = stack.aws("secretsmanager")
        secret = {
            name: json.loads(secrets.get_secret_value(SecretId=f"slowmatch/{name}")["SecretString"])
            for name in ("sign-in", "session")
        }
        assert secret["sign-in"] == {"client_id": "slowmatch"} and len(secret["session"]["key"]) >= 32
    finally:
        assert stack.stop() == 0


@pytest.mark.parametrize(
    ("command", "auth", "said"),
    [("up", "none", "AUTH is 'none'"), ("services", "oidc", "AUTH=oidc needs a provider")],
)
def test_a_way_of_signing_in_that_cannot_be_is_refused(
    tmp_path: Path, command: str, auth: str, said: str
) -> None:
    stack = LocalStack(tmp_path / "data", command, AUTH=auth)
    assert stack.process.wait(DEADLINE_SECONDS) == 2
    assert said in stack.log.read_text()


def test_a_setting_that_cannot_be_ends_it_with_its_name(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "data", template=ROOT / "template.yaml", BATCH_SIZE="0")
    assert stack.process.wait(DEADLINE_SECONDS) == 1
    shown = stack.log.read_text()
    assert shown.splitlines()[-1].startswith("slowmatch: the migrations failed: BATCH_SIZE is '0'")
    assert "Traceback" not in shown


def test_a_list_of_who_is_told_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "data" / "notify.json"
    file.parent.mkdir()
    file.write_bytes(b"\xff")
    stack = LocalStack(tmp_path / "data")
    assert stack.process.wait(DEADLINE_SECONDS) == 1
    shown = stack.log.read_text()
    assert f"slowmatch: {file} cannot be read" in shown and "Traceback" not in shown


def test_a_stop_in_the_middle_of_an_invocation_leaves_nothing(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "data").ready()
    event = json.dumps({"do": "sleep", "seconds": 4})
    stack.aws("lambda").invoke(FunctionName="TinyFunction", InvocationType="Event", Payload=event)
    until(
        lambda: [p["state"] for p in stack.get("/local/state")["functions"][0]["processes"]],
        lambda s: "busy" in s,
    )
    family = stack.family()
    assert len(family) >= 3
    assert stack.stop(signal.SIGTERM) == 0
    assert not any(alive(pid) for pid in family)
    assert stack.log.read_text().rstrip().endswith("stopped")

    # and after a kill -9 the same folder starts again
    again = LocalStack(tmp_path / "data").ready()
    family = again.family()
    again.process.kill()
    again.process.wait()
    until(lambda: [pid for pid in family if alive(pid)], lambda left: not left)
    third = LocalStack(tmp_path / "data").ready()
    assert third.stop() == 0


@pytest.mark.parametrize(("position", "said"), [(0, "AWS (moto) ended"), (1, "PostgreSQL ended")])
def test_a_service_that_ends_by_itself_ends_the_stack_with_its_name(
    tmp_path: Path, position: int, said: str
) -> None:
    stack = LocalStack(tmp_path / "data", "services").ready()
    os.kill(sorted(stack.family())[position], signal.SIGKILL)
    assert stack.process.wait(DEADLINE_SECONDS) == 1
    shown = stack.log.read_text()
    assert f"slowmatch: {said}" in shown
    assert "Traceback" not in shown
