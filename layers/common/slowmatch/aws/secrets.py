"""Secrets from AWS Secrets Manager."""

import json
import os
import re
import sys
from functools import cache
from typing import Any

from slowmatch.aws import signing
from slowmatch.aws.clients import client, refusal

_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
"""JSON can contain one, but nothing can be encoded with it, and Python's error would quote it."""


@cache
def _secrets_manager() -> Any:
    return client("secretsmanager")


class SecretError(Exception):
    """A secret cannot be read or lacks what is needed; the message names it and the key."""


def read(arn: str, *keys: str) -> dict[str, str]:
    """The JSON object in the secret `arn`. Raise SecretError unless each of `keys` has a text."""
    try:
        secret = json.loads(text(arn))
    except (ValueError, RecursionError):
        secret = None
    if not isinstance(secret, dict):
        raise SecretError(f"secret {arn} is not a JSON object; it needs the keys {', '.join(keys)}")
    for key in keys:
        value = secret.get(key)
        if not isinstance(value, str) or _HALF_PAIR.search(value):
            raise SecretError(
                f"secret {arn} has no text value for the key {key!r}; it needs the keys {', '.join(keys)}"
            )
    return secret


def document(arn: str) -> Any:
    """The JSON in the secret `arn`. Raise SecretError when it cannot be read or is not JSON."""
    try:
        return json.loads(text(arn))
    except (ValueError, RecursionError) as error:
        at = f", line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SecretError(f"secret {arn} is not valid JSON{at}") from None


def text(arn: str) -> str:
    """The text of the secret with this ARN or name. Raise SecretError when it cannot be read."""
    found = None if "boto3" in sys.modules else signing.secret_text(arn, os.environ)
    if found is not None:
        return found
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return str(_secrets_manager().get_secret_value(SecretId=arn)["SecretString"])
    except KeyError:
        problem = "it is binary, not text"
    except (BotoCoreError, ClientError) as error:
        problem = refusal(error)
    raise SecretError(f"secret {arn} cannot be read: {problem}")
