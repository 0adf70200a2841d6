"""A library's error text that can quote a secret is replaced before anybody reads it."""

import http.client
import json
import os
import subprocess
import sys
import traceback
import uuid
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import HTTPClientError
from scramp import ScramException

from slowmatch.aws import secrets
from slowmatch.aws.secrets import SecretError
from slowmatch.db import Connection, Unavailable
from slowmatch.http.auth.oidc import Provider, ProviderError
from slowmatch.http.errors import Problem
from slowmatch.jobs.dispatcher.isolation import PartlyFailed, for_each
from slowmatch.settings import Settings
from tests.support.receiver import Receiver, receiving

SECRET = "pässwörd-SECRET"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    written = capsys.readouterr()
    return "".join([*traceback.format_exception(error), written.out, written.err])


def provider(receiver: Receiver, *methods: str) -> Provider:
    metadata = {"token_endpoint": receiver.url("/token"), "token_endpoint_auth_methods_supported": methods}
    return Provider(receiver.url(""), "console", SECRET, metadata)


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
@pytest.mark.parametrize("before", ["wrong: ", "x" * 290])
def test_a_provider_that_repeats_the_client_s_secret_is_cut(
    receiver: Receiver, method: str, before: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"error": "invalid_client", "error_description": f"{before}{SECRET}, the-code"}
    receiver.answer("/token", 401, body=json.dumps(answer).encode())
    with pytest.raises(ProviderError) as refused:
        provider(receiver, method).exchange("the-code", "verifier", "https://console.example.com")
    assert str(refused.value).startswith(before)
    found = told(refused.value, capsys)
    assert "ssw" not in found.replace("passw", "") and "the-code" not in str(refused.value)


def test_a_request_that_cannot_be_made_does_not_quote_the_client_s_secret(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def quote(*_: object) -> None:
        raise ValueError(f"Invalid header value {SECRET!r}")

    monkeypatch.setattr(http.client.HTTPConnection, "putheader", quote)
    with pytest.raises(Problem) as refused:
        provider(receiver).exchange("code", "verifier", "https://console.example.com")
    found = told(refused.value, capsys)
    assert "cannot be reached" in found and SECRET not in found


@pytest.mark.parametrize(
    "error",
    [
        ScramException(f"{SECRET} is forbidden"),
        UnicodeEncodeError("ascii", SECRET, 1, 2, "ordinal not in range(128)"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_password_that_the_database_s_library_refuses_is_not_quoted(
    environment: Settings,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: Connection) -> None:
        raise error

    monkeypatch.setattr(Connection, "_login", refuse)
    with pytest.raises(
        Unavailable, match="check the username and password in the secret DB_SECRET_ARN"
    ) as refused:
        Connection(environment).query("SELECT 1")
    found = told(refused.value, capsys)
    assert SECRET not in found and r"\xe4" not in found


SENDS = """
import traceback
import uuid
from slowmatch.aws import secrets
from slowmatch.mail.message import Message, make_message_id
from slowmatch.mail.ses import Ses

mail = Message(sender="a@example.com", sender_name="A", recipient="b@example.com", subject="S", text="T", html="H",
    message_id=make_message_id("a@example.com", "x"))

def send_mail():
    with Ses().open() as send:
        send(mail)

for call in (lambda: secrets.text("nothing"), send_mail):
    try:
        call()
    except Exception:
        traceback.print_exc()
"""


def test_a_session_token_that_is_no_header_is_not_quoted() -> None:
    """In a process of its own: in this one moto answers instead of http.client."""
    env = os.environ | {
        "AWS_SESSION_TOKEN": f"token\n{SECRET}",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "PYTHONPATH": "layers/common",
    }
    done = subprocess.run([sys.executable, "-c", SENDS], env=env, capture_output=True, text=True, check=True)
    assert done.stderr.count("the request could not be sent; check the function's credentials") == 2
    assert "SECRET" not in done.stderr


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "text", [r'{"password": "SECRET\ud83d"}', "[" * 100_000, f"{SECRET}", '{"password": 5}']
)
def test_a_secret_that_cannot_be_used_is_not_quoted(text: str) -> None:
    arn = boto3.client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString=text)["ARN"]
    with pytest.raises(SecretError) as refused:
        secrets.read(arn, "password")
    assert str(refused.value).startswith(f"secret {arn} ")
    assert "SECRET" not in "".join(traceback.format_exception(refused.value)).replace("SECRET_ARN", "")


def test_the_dispatcher_s_log_does_not_quote_a_signed_header(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: str) -> int:
        raise HTTPClientError(error=f"Invalid header value {SECRET!r}")

    with pytest.raises(PartlyFailed) as failed:
        for_each(["db-cleanup"], str, fail)
    assert "the request could not be sent" in caplog.text
    assert SECRET not in caplog.text + str(failed.value)
