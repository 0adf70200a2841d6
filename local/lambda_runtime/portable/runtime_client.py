"""Stands in for awslambdaric's native module, which its package has for Linux only.

The same four functions, over http.client. A process whose stack has died notices by the closed
connection, and ends.
"""

import http.client
import os

_state = {"user_agent": "awslambdaric"}


def initialize_client(user_agent: str) -> None:
    _state["user_agent"] = user_agent


def next() -> tuple[bytes, dict[str, str | int]]:  # noqa: A001
    """Wait for an invocation: its payload and headers."""
    status, headers, body = _call("GET", "invocation/next")
    if status != 200:
        raise RuntimeError(f"the Runtime API answered {status}")
    deadline = int(headers.pop("Lambda-Runtime-Deadline-Ms"))
    return body, {**headers, "Lambda-Runtime-Deadline-Ms": deadline}


def post_invocation_result(
    invoke_id: str, data: bytes, content_type: str, _invocation_id: str | None = None
) -> None:
    _call("POST", f"invocation/{invoke_id}/response", data, {"Content-Type": content_type})


def post_error(invoke_id: str, error: str, _xray_fault: str, _invocation_id: str | None = None) -> None:
    _call("POST", f"invocation/{invoke_id}/error", error.encode(), {"Content-Type": "application/json"})


def _call(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        agent = {"User-Agent": _state["user_agent"]}
        connection.request(method, f"/2018-06-01/runtime/{path}", body, agent | (headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()
