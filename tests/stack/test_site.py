"""The local stack's own pages, its seed, and how it refuses a second of its kind."""

import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config

from tests.support.stack_process import ROOT, Stack, until


def page(stack: Stack, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port}{path}", timeout=30) as answer:
        assert "default-src 'none'" in answer.headers.get("Content-Security-Policy", "default-src 'none'")
        return str(answer.read().decode())


def command(stack: Stack, *arguments: str, **options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments, "--data", str(stack.data)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_console_leads_to_the_stack_s_page(stack: Stack) -> None:
    assert 'href="/local"' in page(stack, "/records")


def test_the_stack_s_page_shows_functions_queues_and_rules(stack: Stack) -> None:
    text = page(stack, "/local")
    for name in ("RecordExpiryFunction", "slowmatch-db-cleanup", "/outbox"):
        assert name in text


def test_the_outbox_shows_each_mail(stack: Stack) -> None:
    stack.call("DELETE", "/outbox")
    stack.wait(stack.trigger("daily-summary", payload={"resend": True})["id"], "succeeded")
    (mail,) = until(lambda: stack.get("/outbox.json"), bool)
    assert mail["id"] in page(stack, "/outbox")
    assert "sandbox" in page(stack, f"/outbox/{mail['id']}")
    assert "<html" in page(stack, f"/outbox/{mail['id']}/html").lower()
    assert stack.call("GET", "/outbox/nothing")[0] == 404
    assert stack.call("PUT", "/outbox/mode", {"mode": "rubbish"})[0] == 400
    assert stack.get("/outbox/mode") == {"mode": "accept"}


def test_boto3_invokes_functions_as_in_the_cloud(stack: Stack) -> None:
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{stack.port}",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 0}),
    )
    answer = client.invoke(FunctionName="DispatcherFunction", Payload=b"{}")
    assert answer["StatusCode"] == 200 and b'"sent"' in answer["Payload"].read()
    later = client.invoke(FunctionName="DispatcherFunction", InvocationType="Event", Payload=b"{}")
    assert later["StatusCode"] == 202
    failed = client.invoke(FunctionName="DbCleanupFunction", Payload=b'{"no": "shape"}')
    assert failed["FunctionError"] == "Unhandled" and b"accepts" in failed["Payload"].read()
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="Nothing", Payload=b"{}")


def test_the_seed_loads_certificates_once_and_synthetic_records(stack: Stack) -> None:
    first = command(stack, "seed", "--port", str(stack.port), "--rows", "1000")
    assert first.returncode == 0 and "certificates of the CA bundle added" in first.stdout
    again = command(stack, "seed", "--port", str(stack.port))
    assert "all of them already exist" in again.stdout
    assert stack.get("/api/records?q=certificate")["items"]


def test_a_seed_without_a_stack_says_what_to_start(stack: Stack) -> None:
    refused = command(stack, "seed", "--port", "1")
    assert refused.returncode == 2 and "make run" in refused.stderr


def test_a_second_stack_in_the_same_folder_is_refused(stack: Stack) -> None:
    refused = command(stack, "up", "--port", str(stack.port + 100))
    assert refused.returncode == 2 and str(stack.process.pid) in refused.stderr
