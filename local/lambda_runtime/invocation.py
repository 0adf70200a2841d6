"""An invocation of a function, and its result."""

import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


@dataclass(frozen=True)
class Invocation:
    payload: bytes
    function_arn: str
    timeout: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.time)

    @property
    def deadline_ms(self) -> int:
        return int((self.started + self.timeout) * 1000)

    @property
    def trace_id(self) -> str:
        return (
            f"Root=1-{int(self.started):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
        )


@dataclass(frozen=True)
class Result:
    """The function's answer, or with `error` Lambda's document about the error."""

    payload: bytes
    error: str | None = None

    def document(self) -> dict[str, object]:
        """The payload if it is a JSON object, else {}."""
        try:
            document = json.loads(self.payload)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


def error_result(kind: str, message: str, request_id: str) -> Result:
    """An error document of the platform. Without a `request_id` the error came before any invocation."""
    prefix = f"RequestId: {request_id} Error: " if request_id else ""
    document = {"errorType": kind, "errorMessage": prefix + message}
    return Result(json.dumps(document).encode(), "Unhandled")


def timed_out(request_id: str, seconds: float) -> Result:
    return error_result("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds", request_id)


def exited(request_id: str, status: int | None) -> Result:
    """`status` as of subprocess: negative for a signal."""
    how = f"signal: {_signal_name(-status)}" if status is not None and status < 0 else f"exit status {status}"
    return error_result("Runtime.ExitError", f"Runtime exited with error: {how}", request_id)


def too_large(request_id: str, size: int) -> Result:
    return error_result(
        "Function.ResponseSizeTooLarge",
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).",
        request_id,
    )


def _signal_name(number: int) -> str:
    return {9: "killed", 11: "segmentation fault", 15: "terminated", 6: "aborted"}.get(number, str(number))
