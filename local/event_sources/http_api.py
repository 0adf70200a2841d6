"""API Gateway's HTTP API: makes events of payload format 2.0, and responses of functions' answers."""

import base64
import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from local.environment import ACCOUNT
from local.event_sources.routes import Match
from local.http_server import json_body

_TEXT = re.compile(r"text/.*|application/(json|xml|javascript)|.*\+(json|xml)")


@dataclass(frozen=True)
class Request:
    """`path` and `query` are percent-encoded; headers may repeat."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str


@dataclass(frozen=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def event(request: Request, match: Match) -> dict[str, Any]:
    """The event that API Gateway sends, payload format 2.0."""
    headers = _joined(request.headers)
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()]
    body, encoded = _body(request.body, headers.get("content-type", ""))
    query = _query(request.query)
    now = time.time()
    domain = headers.get("host", "localhost")
    document: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "cookies": cookies,
        "headers": headers,
        "queryStringParameters": query,
        "pathParameters": match.parameters,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.split(".")[0],
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": match.route.key,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "body": body,
        "isBase64Encoded": encoded,
    }
    for name in ("cookies", "queryStringParameters", "pathParameters", "body"):
        if not document[name]:
            del document[name]
    return document


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        separator = "; " if name.lower() == "cookie" else ","
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else known + separator + value
    return headers


def _query(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        name, value = unquote_plus(name), unquote_plus(value)
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _body(body: bytes, content_type: str) -> tuple[str | None, bool]:
    if not body:
        return None, False
    kind = content_type.split(";")[0].strip().lower()
    if not kind or _TEXT.fullmatch(kind):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def message(status: int, text: str) -> Response:
    """A response of API Gateway itself."""
    return Response(status, (("content-type", "application/json"),), json_body({"message": text}).encode())


def response(payload: bytes) -> Response:
    """The response for a function's answer: the full format (with `statusCode`), or the short one (anything else)."""
    try:
        answer = json.loads(payload)
        if not isinstance(answer, Mapping) or "statusCode" not in answer:
            body = answer.encode() if isinstance(answer, str) else payload
            return Response(200, (("content-type", "application/json"),), body)
        return _full(answer)
    except (ValueError, TypeError, AttributeError):
        return message(500, "Internal Server Error")


def _full(answer: Mapping[str, Any]) -> Response:
    headers = {str(name).lower(): _text(value) for name, value in (answer.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain;charset=utf-8")
    body = answer.get("body")
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    content = base64.b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode()
    cookies = (("set-cookie", str(cookie)) for cookie in answer.get("cookies") or ())
    status = int(answer["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(f"status {status}")
    return Response(status, (*headers.items(), *cookies), content)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
