"""Whether an account may reserve the concurrency that a stage wants: new ones may not, and hear of it late.

The functions come after the database, so the refusal would cost a quarter of an hour and a rollback.
"""

from collections.abc import Mapping
from typing import Any

from local.errors import StackError

UNRESERVED = 100  # AWS lets nobody reserve the last hundred
API_FUNCTIONS = 3
NOTIFIER = 8


def reserved(api_concurrency: int) -> int:
    """What the template reserves; 0 for an ApiConcurrency of 0."""
    return API_FUNCTIONS * api_concurrency + NOTIFIER if api_concurrency else 0


def check(api_concurrency: int, parameters: Mapping[str, Any]) -> None:
    """Raise StackError if the account has too little; who cannot ask it lets `sam deploy` find out."""
    from botocore.exceptions import BotoCoreError, ClientError

    wanted = reserved(api_concurrency)
    if not wanted:
        return
    try:
        limit = _limit(parameters.get("region"), parameters.get("profile"))
    except (BotoCoreError, ClientError):
        return
    if limit < wanted + UNRESERVED:
        raise StackError(
            f"the account may run {limit} functions at a time, and ApiConcurrency={api_concurrency} reserves"
            f" {wanted} of them, where AWS keeps {UNRESERVED} free: add ApiConcurrency=0 to parameter_overrides, and"
            f" ask for 1000 under Service Quotas, Lambda, Concurrent executions"
        )


def _limit(region: str | None, profile: str | None) -> int:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    client: Any = boto3.Session(region_name=region, profile_name=profile).client("lambda", config=config)
    return int(client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
