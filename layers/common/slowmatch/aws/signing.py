"""One request to AWS, signed by botocore, without a client.

For what every cold start asks for: importing boto3 and making a client takes longer than all else in one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 2
# What boto3 heeds and this module does not.
_ASKS_FOR_MORE = (
    "AWS_PROFILE",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and where AWS is: what the Lambda runtime puts into the environment."""

    url: str
    region: str
    key_id: str
    key: str = field(repr=False)
    token: str = field(repr=False)

    @classmethod
    def of(cls, env: Mapping[str, str], service: str) -> "Caller | None":
        """None outside of Lambda, and where only boto3 knows how to ask."""
        if "AWS_LAMBDA_RUNTIME_API" not in env or any(env.get(name) for name in _ASKS_FOR_MORE):
            return None
        region, key_id, key = (
            env.get(name, "") for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
        url = env.get("AWS_ENDPOINT_URL") or f"https://{service}.{region}.amazonaws.com"
        if not (region and key_id and key) or urlsplit(url).path.strip("/"):
            return None
        return cls(url.rstrip("/"), region, key_id, key, env.get("AWS_SESSION_TOKEN", ""))


def post(caller: Caller, service: str, target: str, content: Mapping[str, Any]) -> Any:
    """The answer's JSON; None when there is none, for whatever reason: boto3 may then try, and say why."""
    import http.client

    parts = urlsplit(caller.url)
    body = json.dumps(content).encode()
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.netloc, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/", body, _headers(caller, service, target, body))
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _headers(caller: Caller, service: str, target: str, body: bytes) -> dict[str, str]:
    """What a POST of `body` to the root of AWS's JSON services is sent with."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    about = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    request = AWSRequest("POST", f"{caller.url}/", about, body)
    credentials = Credentials(caller.key_id, caller.key, caller.token or None)
    SigV4Auth(credentials, service, caller.region).add_auth(request)
    return dict(request.headers.items())
