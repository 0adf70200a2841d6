"""A secret is read without boto3 in Lambda only, and boto3 explains what went wrong."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from slowmatch.aws import signing

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"
LAMBDA = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}


@pytest.fixture
def aws() -> Iterator[SimpleNamespace]:
    """Something that answers every request with `status` and `body`, and keeps what it was asked."""
    stub = SimpleNamespace(status=200, body="{}", asked=[])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            stub.asked.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(stub.status)
            self.end_headers()
            self.wfile.write(stub.body.encode())

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        stub.url = f"http://127.0.0.1:{server.server_port}"
        yield stub
        server.shutdown()


def test_a_secret_is_read_with_a_signed_request(aws: SimpleNamespace) -> None:
    aws.body = '{"SecretString": "sesame"}'
    assert signing.secret_text(ARN, LAMBDA | {"AWS_ENDPOINT_URL": aws.url}) == "sesame"
    ((headers, body),) = aws.asked
    assert json.loads(body) == {"SecretId": ARN}
    assert headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
    assert "Credential=AKIDEXAMPLE/" in headers["Authorization"]
    assert "/eu-west-1/secretsmanager/aws4_request" in headers["Authorization"]


@pytest.mark.parametrize(
    "different",
    [
        {"AWS_LAMBDA_RUNTIME_API": None},
        {"AWS_ACCESS_KEY_ID": None},
        {"AWS_DEFAULT_REGION": None},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"https_proxy": "http://proxy:3128"},
    ],
    ids=lambda different: next(iter(different)),
)
def test_what_only_boto3_supports_is_left_to_it(
    aws: SimpleNamespace, different: dict[str, str | None]
) -> None:
    changed = LAMBDA | {"AWS_ENDPOINT_URL": aws.url} | different
    env = {name: value for name, value in changed.items() if value is not None}
    assert signing.secret_text(ARN, env) is None
    assert aws.asked == []


def test_an_endpoint_with_a_path_is_left_to_boto3(aws: SimpleNamespace) -> None:
    assert signing.secret_text(ARN, LAMBDA | {"AWS_ENDPOINT_URL": f"{aws.url}/behind"}) is None
    assert aws.asked == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, '{"__type": "AccessDeniedException"}'), (200, "no JSON"), (200, "[]"), (200, "{}"), (503, "")],
)
def test_a_refusal_is_no_answer(aws: SimpleNamespace, status: int, body: str) -> None:
    aws.status, aws.body = status, body
    assert signing.secret_text(ARN, LAMBDA | {"AWS_ENDPOINT_URL": aws.url}) is None


def test_nobody_there_is_no_answer() -> None:
    assert signing.secret_text(ARN, LAMBDA | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}) is None


READ = """
import sys
import record_expiry.app
from slowmatch.aws import secrets
print(secrets.read(sys.argv[1], "password"), "boto3" in sys.modules)
"""


def test_a_secret_is_read_in_lambda_without_boto3(aws: SimpleNamespace) -> None:
    aws.body = json.dumps({"SecretString": '{"password": "sesame"}'})
    env = LAMBDA | {"AWS_ENDPOINT_URL": aws.url, "PYTHONPATH": "layers/common:functions"}
    said = subprocess.run(
        [sys.executable, "-c", READ, ARN], env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout == "{'password': 'sesame'} False\n"


def test_boto3_says_why_a_secret_cannot_be_read(aws: SimpleNamespace) -> None:
    aws.status, aws.body = 400, '{"__type": "AccessDeniedException", "message": "not yours"}'
    env = LAMBDA | {"AWS_ENDPOINT_URL": aws.url, "PYTHONPATH": "layers/common:functions"}
    said = subprocess.run(
        [sys.executable, "-c", READ, ARN], env=env, capture_output=True, text=True, check=False
    )
    assert "SecretError" in said.stderr
    assert "not yours" in said.stderr
