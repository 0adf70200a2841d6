"""A writer that creates records through the API's handler at a steady pace."""

import json
import time
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from benchmarks.peers.protocol import serve
from records_api.app import handler


class LambdaContext:
    function_name = "records_api"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:records_api"
    aws_request_id = "00000000-0000-4000-8000-000000000000"


def write(times: int, every: float) -> dict[str, Any]:
    """Milliseconds of each write from the moment it was due, even if the one before was not finished."""
    first = perf_counter()
    took = []
    for number in range(times):
        turn = first + number * every
        time.sleep(max(0.0, turn - perf_counter()))
        answer = handler(_event(number), LambdaContext())
        took.append((perf_counter() - turn) * 1000)
        assert answer["statusCode"] == 201, answer
    return {"milliseconds": took}


def _event(number: int) -> dict[str, Any]:
    expiry = datetime.now(UTC) + timedelta(days=400)
    body = {"title": f"Passport no. {number}", "expiry_date": expiry.isoformat()}
    http = {"method": "POST", "path": "/api/records", "sourceIp": "127.0.0.1"}
    return {
        "version": "2.0",
        "routeKey": "POST /api/records",
        "rawPath": "/api/records",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost"},
        "requestContext": {"domainName": "localhost", "stage": "$default", "http": http},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    serve({"write": write})
