"""Reads the secrets of jobs on this machine from .slowmatch/job-secrets.json."""

import json
from pathlib import Path
from typing import Any

from local.environment import STACK_NAME
from local.errors import StackError
from slowmatch.jobs.definition import name_error
from slowmatch.jobs.fields import SECRET_NAME

_EXAMPLE = '{"expiry-webhook/webhook-token": "the secret"}'


def read(file: Path) -> dict[str, str]:
    """The text of each secret by its name in Secrets Manager; {} without the file.

    Raises StackError, whose message shows no text of the file.
    """
    if not file.exists():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise StackError(f"{file} is not JSON ({where}): it must look like {_EXAMPLE}") from None
    except (OSError, ValueError) as error:
        raise StackError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise StackError(f"{file} is not a JSON object: it must look like {_EXAMPLE}")
    for number, (key, text) in enumerate(found.items(), 1):
        _check(file, number, key, text)
    return {f"{STACK_NAME}/jobs/{key}": text for key, text in found.items()}


def _check(file: Path, number: int, key: str, text: Any) -> None:
    """Raise StackError without showing a wrong key: key and text may be swapped."""
    job, _, name = key.partition("/")
    if name_error(job) or not SECRET_NAME.fullmatch(name):
        raise StackError(
            f"{file}: key {number} must be a job's name, a slash and the name of the secret: {_EXAMPLE}"
        )
    if not isinstance(text, str) or not text:
        raise StackError(f"{file}: {key} must be a non-empty string: {_EXAMPLE}")
