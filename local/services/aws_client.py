"""A small asynchronous client for the AWS calls of the stack: JSON over HTTP, to moto on loopback.

boto3 would take half a second to import, and a thread for each waiting receiver.
"""

import json
from typing import Any
from urllib.parse import urlencode

import aiohttp

from local.environment import REGION
from local.errors import StackError

_JSON_SERVICES = {
    "sqs": ("AmazonSQS", "1.0"),
    "events": ("AWSEvents", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
}


class AwsError(StackError):
    """A call was refused, or there was no answer."""


class Aws:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def call(self, service: str, action: str, **parameters: Any) -> Any:
        """Call a service with a JSON protocol. Raises AwsError."""
        target, version = _JSON_SERVICES[service]
        headers = {"X-Amz-Target": f"{target}.{action}", "Content-Type": f"application/x-amz-json-{version}"}
        text = await self._request("POST", service, "/", json.dumps(parameters), headers)
        return json.loads(text) if text else {}

    async def query(self, service: str, action: str, **parameters: str) -> str:
        """Call a service with the query protocol (SNS). Returns XML; raises AwsError."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._request("POST", service, "/", urlencode({"Action": action} | parameters), headers)

    async def rest(self, service: str, path: str, *, method: str = "POST", **parameters: Any) -> str:
        """Call a service with a REST protocol (SES v2, Scheduler). Raises AwsError."""
        body, headers = json.dumps(parameters) if parameters else "", {"Content-Type": "application/json"}
        return await self._request(method, service, path, body, headers)

    async def _request(self, method: str, service: str, path: str, body: str, headers: dict[str, str]) -> str:
        credential = f"Credential=local/20000101/{REGION}/{service}/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"
        try:
            async with self._session.request(
                method, self._url + path, data=body, headers=headers
            ) as response:
                text = await response.text()
                if response.status >= 400:
                    raise AwsError(f"{service}: {response.status} {text}")
                return text
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AwsError(f"{service}: {error}") from error
