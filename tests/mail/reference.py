"""Verifies webhooks with the reference libraries, in an interpreter that has them: `make check-mail`.

Reads a list of {"body", "headers", "key"} and writes what the libraries say about each.
"""

import json
import sys
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verified(post: dict[str, Any]) -> dict[str, Any]:
    try:
        message = Webhook(post["key"]).verify(post["body"], post["headers"])
    except WebhookVerificationError as error:
        return {"refused": str(error)}
    if "specversion" not in message:
        return {"message": message}
    event = from_structured(HTTPMessage(headers=post["headers"], body=post["body"].encode()), JSONFormat())
    return {
        "message": event.get_data(),
        "attributes": json.loads(json.dumps(event.get_attributes(), default=str)),
    }


if __name__ == "__main__":
    json.dump([verified(post) for post in json.load(sys.stdin)], sys.stdout)
