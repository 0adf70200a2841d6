"""Invokes a function of the deployed stack by `sam remote invoke`."""

import json
import shlex
import subprocess
from dataclasses import dataclass
from typing import Any

from local.errors import StackError


@dataclass(frozen=True, slots=True)
class Answer:
    """`payload` is what the function returned, or Lambda's document about its error."""

    payload: dict[str, Any]
    failed: bool
    printed: dict[str, Any]

    @property
    def error(self) -> str | None:
        kind = self.payload.get("errorType")
        return None if kind is None else str(kind)

    @property
    def reason(self) -> str:
        said = self.payload.get("errorMessage") or json.dumps(self.printed)
        return f"{self.error or 'no answer'}: {said}"


def invoke(sam: str, function: str, stage: str) -> Answer:
    """Invoke with `{}`. Raises StackError if the SAM CLI fails; a function that fails is an answer."""
    command = [sam, "remote", "invoke", function, "--config-env", stage, "--output", "json"]
    print(shlex.join(command), flush=True)
    result = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise StackError(
            f"the stack is deployed, but {function} could not be invoked: {shlex.join(command)} exited"
            f" with status {result.returncode}; the reason is above"
        )
    printed = _object(result.stdout)
    return Answer(_object(printed.get("Payload")), "FunctionError" in printed, printed)


def _object(value: Any) -> dict[str, Any]:
    """The JSON object that the SAM CLI printed, or that it shows as text within another."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {"errorMessage": value}
    return found if isinstance(found, dict) else {"errorMessage": json.dumps(found)}
