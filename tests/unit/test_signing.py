"""A secret is read without boto3 in Lambda only, and boto3 explains what went wrong."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from slowmatch.aws import signing
from tests.support.receiver import Receiver, receiving

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"
LAMBDA = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}


@pytest.fixture
def aws() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def reads(aws: Receiver, **changes: str | None) -> str | None:
    """The secret, read in Lambda's environment with these changes; None removes a variable."""
    env = LAMBDA | {"AWS_ENDPOINT_URL": aws.url("")} | changes
    return signing.secret_text(ARN, {name: value for name, value in env.items() if value is not None})


def test_a_secret_is_read_with_a_signed_request(aws: Receiver) -> None:
    aws.answer("/", 200, body=b'{"SecretString": "sesame"}')
    assert reads(aws) == "sesame"
    (post,) = aws.posts
    assert post.json == {"SecretId": ARN}
    headers = post.headers
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
def test_what_only_boto3_supports_is_left_to_it(aws: Receiver, different: dict[str, str | None]) -> None:
    assert reads(aws, **different) is None
    assert aws.posts == []


def test_an_endpoint_with_a_path_is_left_to_boto3(aws: Receiver) -> None:
    assert reads(aws, AWS_ENDPOINT_URL=aws.url("/behind")) is None
    assert aws.posts == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"__type": "AccessDeniedException"}'),
        (200, b"no JSON"),
        (200, b"[]"),
        (200, b"{}"),
        (503, b""),
    ],
)
def test_a_refusal_is_no_answer(aws: Receiver, status: int, body: bytes) -> None:
    aws.answer("/", status, body=body)
    assert reads(aws) is None


def test_nobody_there_is_no_answer(aws: Receiver) -> None:
    assert reads(aws, AWS_ENDPOINT_URL="http://127.0.0.1:1") is None


READ = """
import sys
import record_expiry.app
from slowmatch.aws import secrets
print(secrets.read(sys.argv[1], "password"), "boto3" in sys.modules)
"""


def read_in_a_process(aws: Receiver) -> subprocess.CompletedProcess[str]:
    env = LAMBDA | {"AWS_ENDPOINT_URL": aws.url(""), "PYTHONPATH": "layers/common:functions"}
    return subprocess.run(
        [sys.executable, "-c", READ, ARN], env=env, capture_output=True, text=True, check=False
    )


def test_a_secret_is_read_in_lambda_without_boto3(aws: Receiver) -> None:
    aws.answer("/", 200, body=json.dumps({"SecretString": '{"password": "sesame"}'}).encode())
    assert read_in_a_process(aws).stdout == "{'password': 'sesame'} False\n"


def test_boto3_says_why_a_secret_cannot_be_read(aws: Receiver) -> None:
    aws.answer("/", 400, body=b'{"__type": "AccessDeniedException", "message": "not yours"}')
    said = read_in_a_process(aws).stderr
    assert "SecretError" in said and "not yours" in said
