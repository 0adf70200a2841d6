"""`python -m benchmarks.idle_polls [RUNS]`: what a poll costs when nothing was written, with and without the cache.

Prints for each page the median time and the processor time (of this process and PostgreSQL's) in milliseconds. Only
the processor time is comparable on a machine that does other work.
"""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from local.output import Progress
from local.seed import runs as seed
from local.testing.fixtures import ENVIRONMENT, migrated
from local.testing.postgres import running
from slowmatch.db import Connection, connection, snapshot_cache
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import heartbeat
from slowmatch.jobs.queries import queue_depths

TIMES, WARM_UP = 60, 5
PAGES = (
    *("/dashboard", "/dashboard?window=30d", "/dashboard/runs", "/dashboard/enqueued", "/dashboard/failed"),
    *(
        "/dashboard/succeeded",
        "/dashboard/failing",
        "/dashboard/schedules",
        "/dashboard/workers",
        "/dashboard/analytics?window=30d",
    ),
    *("/dashboard/activity", "/jobs", "/records", "/dashboard/runs?text=timeout"),
    *("/api/stats", "/api/jobs", "/api/health", "/api/runs"),
)


class _Context:
    function_name = "benchmark"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:benchmark"
    aws_request_id = "benchmark"


def main(runs: int) -> None:
    os.environ.update(ENVIRONMENT | {"POWERTOOLS_SERVICE_NAME": "x", "POWERTOOLS_LOG_LEVEL": "CRITICAL"})
    with mock_aws(), running() as server:
        login = json.dumps({"username": "postgres", "password": "not-checked"})
        secret = boto3.client("secretsmanager").create_secret(Name="database", SecretString=login)
        database = migrated(server)
        os.environ.update(DB_SECRET_ARN=secret["ARN"], DB_PORT=str(server.port), DB_NAME=database)
        for job in JOBS:
            for queue in (job, f"{job}-dead"):
                boto3.client("sqs").create_queue(QueueName=f"{os.environ['STACK_NAME']}-{queue}")
        seed.add(server.keep(database), runs, Progress(runs, "runs", io.StringIO()))
        heartbeat.store_pass(connection(), connection().now())
        queue_depths.KEPT_SECONDS = 10**9
        from console.app import handler as console
        from jobs_api.app import handler as api

        for page in PAGES:
            handler = api if page.startswith("/api/") else console
            figures = []
            for cached in (snapshot_cache.cached, _without_cache):
                _replace(cached)
                figures.append("median {:6.1f}, processor {:5.1f}".format(*_measure(handler, page)))
            print(f"{page:32} with the cache: {figures[0]}; without: {figures[1]}", flush=True)


def _without_cache(_con: Connection, _key: Hashable, make: Callable[[], Any]) -> Any:
    return make()


def _replace(cached: Callable[..., Any]) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("slowmatch.") and name != snapshot_cache.__name__ and hasattr(module, "cached"):
            module.cached = cached  # type: ignore[attr-defined]


def _measure(handler: Callable[..., dict[str, Any]], page: str) -> tuple[float, float]:
    etag, took, started = "", [], 0.0
    for number in range(TIMES + WARM_UP):
        if number == WARM_UP:
            started = _processor_seconds()
        began = time.perf_counter()
        answer = handler(_event(page, etag), _Context())
        took.append(time.perf_counter() - began)
        etag = answer["headers"].get("ETag", "")
        assert answer["statusCode"] in (200, 304), answer
    median = sorted(took[WARM_UP:])[TIMES // 2]
    return median * 1000, (_processor_seconds() - started) / TIMES * 1000


def _processor_seconds() -> float:
    """Of this process and of the server process that answers it."""
    ((backend,),) = connection().query("SELECT pg_backend_pid()")
    ticks = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _event(page: str, etag: str) -> dict[str, Any]:
    path, _, query = page.partition("?")
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "127.0.0.1:8080"} | ({"if-none-match": etag} if etag else {}),
        "requestContext": {
            "domainName": "127.0.0.1:8080",
            "http": {"method": "GET", "path": path, "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
