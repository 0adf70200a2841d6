"""How long each page of the console takes: the warm handler, called in this process on a stack's database.

    make run & make seed ROWS=1000000 RUNS=1000000
    make bench-console

Each page is requested ROUNDS times, in turn with the others, each time after a write, so that no cached answer is
used. A poll requests the page again with its ETag.
"""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
for folder in ("layers/common", "functions"):
    sys.path.append(str(ROOT / folder))

from local.environment import Ports, local_values  # noqa: E402
from slowmatch.aws.secrets import SecretError  # noqa: E402
from slowmatch.db import Unavailable  # noqa: E402

ROUNDS = 30
LISTS = "runs enqueued scheduled processing succeeded failed deleted retries".split()
PAGES = [
    "/records",
    "/records?status=active",
    "/records?status=soon",
    "/records?status=expired",
    "/records?q=contract",
    "/jobs",
    "/jobs/record-expiry",
    "/jobs/record-expiry?window=30d",
    "/dashboard",
    *(f"/dashboard/{name}" for name in LISTS),
    "/dashboard/runs?text=timeout",
    "/dashboard/failed?job=record-expiry",
    "/dashboard/failing",
    "/dashboard/upcoming",
    "/dashboard/upcoming?window=7d",
    "/dashboard/schedules",
    "/dashboard/workers",
    "/dashboard/activity",
    "/dashboard/analytics?window=24h",
    "/dashboard/analytics?window=7d",
    "/dashboard/analytics?window=30d",
]


@dataclass
class LambdaContext:
    """The context that the Lambda runtime passes to a handler."""

    function_name: str = "console"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:console"
    aws_request_id: str = "benchmark"


@dataclass(frozen=True)
class Figures:
    """Milliseconds, and bytes of the compressed page."""

    page: str
    median: float
    p95: float
    poll: float
    bytes: int


def main() -> int:
    options = _options()
    ports = Ports(options.port)
    os.environ.update(local_values(ports, {}) | _RUNTIME)
    try:
        pages = [*PAGES, *_runs()]
    except (SecretError, Unavailable):
        print(
            f"no stack answers at port {options.port}: make run starts one, PORT= says where", file=sys.stderr
        )
        return 1
    figures = measure(pages, options.rounds)
    print(f"{'page':42} {'median':>8} {'p95':>8} {'poll':>8} {'size':>9}")
    for each in figures:
        print(
            f"{each.page[:42]:42} {each.median:5.1f} ms {each.p95:5.1f} ms {each.poll:5.1f} ms {each.bytes:7,} B"
        )
    if options.json:
        options.json.write_text(json.dumps([vars(each) for each in figures], indent=2) + "\n")
    return 0


_RUNTIME = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "console",
    "POWERTOOLS_METRICS_NAMESPACE": "Slowmatch",
    "POWERTOOLS_LOG_LEVEL": "ERROR",
}


def measure(pages: list[str], rounds: int) -> list[Figures]:
    etags = {page: _get(page)[1]["headers"].get("ETag", "") for page in pages}
    shown: dict[str, list[float]] = {page: [] for page in pages}
    polled: dict[str, list[float]] = {page: [] for page in pages}
    sizes: dict[str, int] = {}
    for _ in range(rounds):
        for page in pages:
            _write()
            spent, answer = _get(page)
            shown[page].append(spent)
            sizes[page] = len(answer["body"]) * 3 // 4
            spent, answer = _get(page, answer["headers"].get("ETag", etags[page]))
            if answer["statusCode"] == 304:
                polled[page].append(spent)
    return [
        Figures(page, statistics.median(shown[page]), _p95(shown[page]), _median(polled[page]), sizes[page])
        for page in pages
    ]


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _write() -> None:
    """Use a transaction id, which changes every later snapshot."""
    from slowmatch.db import connection

    connection().query("SELECT pg_current_xact_id()")


def _get(address: str, etag: str = "") -> tuple[float, dict[str, Any]]:
    """Milliseconds, and the handler's answer. Raises RuntimeError unless that is 200 or 304."""
    from console.app import handler

    path, _, query = address.partition("?")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "127.0.0.1", "accept-encoding": "gzip", "if-none-match": etag},
        "requestContext": {
            "domainName": "127.0.0.1",
            "stage": "$default",
            "http": {"method": "GET", "path": path, "sourceIp": "127.0.0.1"},
        },
        "isBase64Encoded": False,
    }
    began = time.perf_counter()
    answer = handler(event, LambdaContext())  # type: ignore[arg-type]
    spent = (time.perf_counter() - began) * 1000
    if answer["statusCode"] not in (200, 304):
        raise RuntimeError(f"{address} answered {answer['statusCode']}: {answer['body'][:500]}")
    return spent, answer


def _runs() -> list[str]:
    """The page of one run in each state that there is."""
    from slowmatch.db import connection

    return [
        f"/runs/{row[0]}"
        for row in connection().query(
            """
            SELECT (SELECT id::text FROM job_run WHERE state = wanted ORDER BY id DESC LIMIT 1)
            FROM unnest(ARRAY['succeeded', 'failed']) AS wanted
            """
        )
        if row[0]
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8080"), help="the stack's port")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"per page ({ROUNDS})")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
