"""Events of API Gateway's HTTP API, in version 2.0."""

from typing import Any

from tests.conftest import request_context


def http_event(
    method: str,
    path: str,
    body: str | None = None,
    *,
    headers: dict[str, str] | None = None,
    host: str = "localhost",
    source_ip: str = "127.0.0.1",
    **more: Any,
) -> dict[str, Any]:
    """A request; by default one that AUTH=local lets in. `more` are other keys of the event."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers or {},
        "requestContext": request_context(method, path, source_ip) | {"domainName": host},
        "body": body,
        "isBase64Encoded": False,
    } | more
