"""Who is asking, by what API Gateway's IAM authorizer says."""

from collections.abc import Mapping
from typing import Any

ANONYMOUS = "anonymous"


def actor(event: Mapping[str, Any]) -> str:
    """The name at the end of the caller's ARN, the ARN where it has none, "anonymous" without either."""
    value: Any = event
    for key in ("requestContext", "authorizer", "iam", "userArn"):
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value:
        return ANONYMOUS
    return value.rpartition("/")[2] or value
