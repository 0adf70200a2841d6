"""boto3 clients with time-outs, so that one service that does not answer delays nothing else for long."""

from typing import Any, Literal


def client(service: Literal["events", "lambda", "scheduler", "secretsmanager", "sns", "sqs"]) -> Any:
    """A new client. A call ends after ten seconds at most, two attempts included."""
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client(service, config=limits)


def may_quote_secret(error: Exception) -> bool:
    """Whether neither the error's text nor its traceback may be shown.

    botocore's HTTPClientError repeats what http.client said, which can quote a signed header.
    """
    return type(error).__name__ == "HTTPClientError"


def refusal(error: Exception) -> str:
    """Why a call of AWS failed: its message and error code without the name of the call, or botocore's error."""
    answer = (getattr(error, "response", None) or {}).get("Error", {})
    message, code = answer.get("Message"), answer.get("Code")
    if may_quote_secret(error):
        return "the request could not be sent; check the function's credentials and its proxy settings"
    return f"{message} ({code})" if message and code else code or str(error)
