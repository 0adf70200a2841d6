"""What a function behind the HTTP API is started with: a request, as API Gateway wraps it."""

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
    if not all(
        isinstance(text, str) for text in (http.get("method"), context.get("stage"), event.get("rawPath"))
    ):
        return "method, stage or rawPath is no text"
    for name, kinds in _OPTIONAL.items():
        if name in event and not isinstance(event[name], kinds):
            return f"{name} is of another kind"
    values = (event.get("headers") or {}).values(), (event.get("queryStringParameters") or {}).values()
    if not all(isinstance(text, str) for each in (*values, event.get("cookies", ())) for text in each):
        return "a header, cookie or query parameter is no text"
    return None
