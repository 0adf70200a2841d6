"""boto3 clients with time-outs, so that one service that does not answer delays nothing else for long."""

from typing import Any, Literal


def client(service: Literal["events", "secretsmanager", "sns", "sqs"]) -> Any:
    """A new client. A call ends after ten seconds at most, two attempts included."""
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client(service, config=limits)


def refusal(error: Exception) -> str:
    """Why a call of AWS failed: its message and error code without the name of the call, or botocore's error.

    botocore's HTTPClientError is replaced: it repeats what http.client said, which can quote a signed header.
    """
    answer = (getattr(error, "response", None) or {}).get("Error", {})
    message, code = answer.get("Message"), answer.get("Code")
    if type(error).__name__ == "HTTPClientError":
        return "the request could not be sent; check the function's credentials and its proxy settings"
    return f"{message} ({code})" if message and code else code or str(error)
