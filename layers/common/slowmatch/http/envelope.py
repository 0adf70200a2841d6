"""What a function behind the HTTP API is started with: a request, as API Gateway wraps it."""

from itertools import chain
from typing import Any


class EventError(ValueError):
    """An event that is no request of API Gateway's HTTP API."""


_OPTIONAL: dict[str, tuple[type, ...]] = {
    "rawQueryString": (str,),
    "headers": (dict,),
    "cookies": (list,),
    "queryStringParameters": (dict, type(None)),
    "body": (str, type(None)),
    "isBase64Encoded": (bool,),
}

_TEXT = {str}


def check(event: Any) -> None:
    """Raises EventError, for example for the Lambda console's own sample, which no route could answer."""
    wrong = _wrong(event)
    if wrong:
        raise EventError(
            f"this function answers requests of API Gateway's HTTP API, payload format 2.0: {wrong}"
        )


def _wrong(event: Any) -> str | None:
    context = event.get("requestContext") if isinstance(event, dict) else None
    http = context.get("http") if isinstance(context, dict) else None
    if context is None or not isinstance(http, dict):
        return "there is no requestContext.http"
    if not {type(http.get("method")), type(context.get("stage")), type(event.get("rawPath"))} <= _TEXT:
        return "method, stage or rawPath is no text"
    for name, kinds in _OPTIONAL.items():
        if name in event and not isinstance(event[name], kinds):
            return f"{name} is of another kind"
    headers, query = event.get("headers") or {}, event.get("queryStringParameters") or {}
    texts = chain(headers.values(), query.values(), event.get("cookies", ()))
    return None if _TEXT.issuperset(map(type, texts)) else "a header, cookie or query parameter is no text"
