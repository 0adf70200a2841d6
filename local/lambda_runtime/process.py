"""Starts a function's process: awslambdaric with the environment that Lambda sets."""

import asyncio
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from local import processes
from local.environment import REGION
from local.template.model import Function

LINE_LIMIT = 1024 * 1024
_PURE_PYTHON_CLIENT = Path(__file__).parent / "portable"


def has_native_client() -> bool:
    """Whether awslambdaric has its native module, which exists for Linux only."""
    return importlib.util.find_spec("runtime_client") is not None


def process_environment(function: Function, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that Lambda sets, and the function's own."""
    path = [function.code, *function.layers, *(() if has_native_client() else (_PURE_PYTHON_CLIENT,))]
    return processes.inherited_environment() | {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        # With this variable awslambdaric waits in a thread, so that the process can handle SIGTERM.
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "TZ": ":UTC",
        **variables,
    }


async def start(
    function: Function, environment: Mapping[str, str], runtime_api: str
) -> asyncio.subprocess.Process:
    """`runtime_api` is host:port. Both output streams go to one pipe, the log."""
    stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{os.urandom(16).hex()}"
    return await processes.spawn(
        *(sys.executable, "-m", "awslambdaric", function.handler),
        cwd=function.code,
        env={**environment, "AWS_LAMBDA_RUNTIME_API": runtime_api, "AWS_LAMBDA_LOG_STREAM_NAME": stream},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        limit=LINE_LIMIT,
    )
