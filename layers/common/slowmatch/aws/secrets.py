"""Secrets, from AWS Secrets Manager."""

import json
import os
import sys
from typing import Any

from slowmatch.aws import signing


class SecretError(Exception):
    """A secret cannot be read or lacks what is needed; the message names it and the key."""


def read(arn: str, *keys: str) -> dict[str, str]:
    """The JSON object in the secret `arn`. Raise SecretError unless each of `keys` is there and is text."""
    try:
        secret = json.loads(text(arn))
    except ValueError:
        secret = None
    if not isinstance(secret, dict):
        raise SecretError(f"secret {arn} is not a JSON object; it needs the keys {', '.join(keys)}")
    for key in keys:
        if not isinstance(secret.get(key), str):
            raise SecretError(f"secret {arn} has no text under the key {key!r}; it needs {', '.join(keys)}")
    return secret


def document(arn: str) -> Any:
    """Whatever JSON is in the secret `arn`. Raise SecretError when it cannot be read or is none."""
    try:
        return json.loads(text(arn))
    except ValueError as error:
        at = f", line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SecretError(f"secret {arn} is not JSON{at}") from None


def text(arn: str) -> str:
    """The text of the secret with this ARN or name. Raise SecretError when it cannot be read."""
    # Where boto3 is loaded it costs nothing more to ask it.
    found = None if "boto3" in sys.modules else _directly(arn)
    return _by_boto3(arn) if found is None else found


def _directly(arn: str) -> str | None:
    caller = signing.Caller.of(os.environ, "secretsmanager")
    if caller is None or arn.startswith("arn:aws-cn:"):
        return None
    answer = signing.post(caller, "secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": arn})
    text = answer.get("SecretString") if isinstance(answer, dict) else None
    return text if isinstance(text, str) else None


def _by_boto3(arn: str) -> str:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    # Over before the function's own time is, so that who asked is told why.
    patience = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    try:
        client = boto3.client("secretsmanager", config=patience)
        return str(client.get_secret_value(SecretId=arn)["SecretString"])
    except (BotoCoreError, ClientError, KeyError) as error:
        raise SecretError(f"secret {arn} cannot be read: {error}") from error
