"""The little of AWS that Slowmatch asks for while it is measured: one secret, and queues that take everything.

It answers at once and keeps nothing but counts, so that no other work hides in a figure.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class StubAws:
    """`secret` is the value of every secret there is; `messages` counts what each queue was sent."""

    def __init__(self, secret: dict[str, str]) -> None:
        self.messages: Counter[str] = Counter()
        operations: dict[str, Operation] = {
            "secretsmanager.GetSecretValue": lambda asked: _secret(asked, secret),
            "AmazonSQS.SendMessageBatch": self._batch,
            "AmazonSQS.SendMessage": self._single,
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(operations))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.messages[asked["QueueUrl"]] += len(asked["Entries"])
        return {"Successful": [{"Id": each["Id"], **_sent(each)} for each in asked["Entries"]], "Failed": []}

    def _single(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.messages[asked["QueueUrl"]] += 1
        return _sent(asked)


def _secret(asked: dict[str, Any], secret: dict[str, str]) -> dict[str, Any]:
    return {"ARN": asked["SecretId"], "Name": asked["SecretId"], "SecretString": json.dumps(secret)}


def _sent(message: dict[str, Any]) -> dict[str, str]:
    digest = hashlib.md5(message["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"MessageId": digest, "MD5OfMessageBody": digest}


def _handler(operations: Mapping[str, Operation]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = operations.get(self.headers["X-Amz-Target"])
            body = json.dumps(operation(asked) if operation else {"__type": "InvalidAction"}).encode()
            self.send_response(200 if operation else 400)
            self.send_header("Content-Type", self.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
            """Nothing: the terminal is for figures."""

    return Handler
