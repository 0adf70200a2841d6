"""Starts and stops ministack: AWS on a port of loopback, with IAM policies enforced."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import processes
from tools.rehearse.internet import REGION
from tools.rehearse.steps import RehearsalFailed

ACCOUNT = "123456789012"
HOST = "127.0.0.1"
CONFINED = Path(__file__).parent / "confined"
START_SECONDS = 60.0


def base_environment(home: Path) -> dict[str, str]:
    """The environment of every process: nothing of the user's that could lead to an account."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


@dataclass(frozen=True)
class Account:
    """Access to ministack: an access key of 12 digits is the owner of that account, with any secret."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": ACCOUNT,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: Any) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key=ACCOUNT,
            config=Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1}),
        )


class Ministack:
    def __init__(self, python: Path, port: int, home: Path, log: Path) -> None:
        self.account = Account(port)
        self._python = python
        self._home = home
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, names: Mapping[str, int], authority: Path) -> None:
        """Start it and wait until it answers. `names` is for confined/sitecustomize.py. Raises RehearsalFailed."""
        environment = base_environment(self._home) | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.account.port),
            "AUTH": "true",
            "IOT_MTLS_ENABLED": "false",
            "SFTP_ENABLED": "false",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "SSL_CERT_FILE": str(authority),
            "PYTHONPATH": str(CONFINED),
            "REHEARSAL_NAMES": json.dumps(dict(names)),
        }
        with self._log.open("ab") as log:
            self._process = await processes.spawn(
                *(str(self._python), "-m", "ministack"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home,
                env=environment,
            )
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not self._answers():
            if self._process.returncode is not None:
                raise RehearsalFailed(f"ministack ended with status {self._process.returncode}")
            if asyncio.get_running_loop().time() > deadline:
                raise RehearsalFailed(f"ministack does not answer within {START_SECONDS:.0f} s")
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Kill it and the functions that it runs."""
        if self._process is not None:
            processes.kill_group(self._process, signal.SIGKILL)
            await self._process.wait()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.account.port, timeout=2)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
