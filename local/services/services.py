"""Starts and supervises the services: PostgreSQL, AWS (moto) with the template's resources, and the SMTP server."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, TypeVar

from local import ROOT, processes
from local.environment import (
    ACCOUNT,
    CLIENT_ID,
    DATABASE_SECRET,
    DATABASE_USER,
    HOST,
    NOTIFY_SECRET,
    SESSION_SECRET,
    SIGN_IN_SECRET,
    Folders,
    Ports,
    local_values,
)
from local.errors import StackError
from local.output import Output
from local.services import job_secrets
from local.services.postgres import Postgres, password
from local.template.model import Template

if TYPE_CHECKING:
    from local.services.aws_client import Aws
    from local.services.outbox import Outbox
    from local.services.smtp import MailServer

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What to run, and where."""

    template_file: Path
    template: Template
    ports: Ports
    folders: Folders
    environ: Mapping[str, str]
    output: Output


class ServiceEnded(StackError):
    """PostgreSQL or moto ended unexpectedly."""


@asynccontextmanager
async def services(plan: Plan) -> AsyncIterator["Services"]:
    """Start all three concurrently; the imports of this process overlap with the start of the others."""
    async with AsyncExitStack() as stack:
        moto = await _start_moto(plan)
        stack.push_async_callback(processes.stop, moto, (signal.SIGTERM, 2.0))
        secret = password(plan.folders.data)
        database = Postgres(
            plan.folders.postgres,
            secret,
            port=plan.ports.postgres,
            log=plan.folders.logs / "postgres.log",
            report=plan.output.note,
        )
        stack.push_async_callback(database.stop)
        async with asyncio.TaskGroup() as starting:
            starting.create_task(_step(plan, "PostgreSQL", plan.ports.postgres, database.start()))
            provisioned = starting.create_task(
                _step(plan, "AWS (moto)", plan.ports.aws, _provision(plan, stack, moto, secret))
            )
            outbox_started = starting.create_task(
                _step(plan, "SMTP", plan.ports.smtp, _start_mail_server(plan, stack))
            )
        write_sam_environment(plan)
        outbox, mail_server = outbox_started.result()
        yield Services(
            aws=provisioned.result(), outbox=outbox, mail_server=mail_server, database=database, moto=moto
        )


async def _step(plan: Plan, name: str, port: int, work: Awaitable[T]) -> T:
    async with plan.output.step(name, f"starting on {HOST}:{port}"):
        return await work


async def _provision(
    plan: Plan, stack: AsyncExitStack, moto: asyncio.subprocess.Process, secret: str
) -> "Aws":
    await asyncio.sleep(0)  # PostgreSQL first, so that it starts during these imports
    import aiohttp

    from local.services.aws_client import Aws
    from local.services.provision import provision

    session = await stack.enter_async_context(aiohttp.ClientSession())
    aws = Aws(session, plan.ports.aws_url)
    await _listening(moto, plan.ports.aws)
    sender = local_values(plan.ports, plan.environ)["MAIL_SENDER"]
    await provision(aws, plan.template, _secrets(secret, plan), sender)
    return aws


def _secrets(database_password: str, plan: Plan) -> dict[str, Any]:
    """The values by name. The key of the sessions is new at each start, so that everybody must sign in again.

    The client of a real provider comes from the shell, the destinations of notifications from a file.
    """
    environ = plan.environ
    client = {"client_id": environ.get("OIDC_CLIENT_ID", CLIENT_ID)}
    if "OIDC_CLIENT_SECRET" in environ:
        client["client_secret"] = environ["OIDC_CLIENT_SECRET"]
    return {
        DATABASE_SECRET: {"username": DATABASE_USER, "password": database_password},
        SIGN_IN_SECRET: client,
        SESSION_SECRET: {"key": token_urlsafe(48)},
        NOTIFY_SECRET: _destinations(plan.folders.notify),
        **job_secrets.read(plan.folders.job_secrets),
    }


def _destinations(file: Path) -> Any:
    try:
        return file.read_text(encoding="utf-8") if file.exists() else []
    except (OSError, ValueError) as error:
        raise StackError(f"{file} cannot be read: {error}") from error


async def _start_mail_server(plan: Plan, stack: AsyncExitStack) -> tuple["Outbox", "MailServer"]:
    from local.services.outbox import Outbox
    from local.services.smtp import MailServer

    outbox = Outbox(plan.folders.outbox)
    mail_server = MailServer(outbox, plan.ports.smtp)
    stack.push_async_callback(mail_server.stop)
    await mail_server.start()
    return outbox, mail_server


@dataclass(frozen=True)
class Services:
    aws: "Aws"
    outbox: "Outbox"
    mail_server: "MailServer"
    database: Postgres
    moto: asyncio.subprocess.Process

    async def watch(self) -> None:
        """Wait until a server ends. Raises ServiceEnded."""
        tasks = [asyncio.create_task(self.database.wait()), asyncio.create_task(self._moto_ended())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            raise ServiceEnded(done.pop().result())
        finally:
            for task in tasks:
                task.cancel()

    async def _moto_ended(self) -> str:
        return f"AWS (moto) ended with status {await self.moto.wait()}: see .slowmatch/logs/moto.log"


async def _start_moto(plan: Plan) -> asyncio.subprocess.Process:
    with (plan.folders.logs / "moto.log").open("ab") as log:
        return await processes.spawn(
            *(
                sys.executable,
                "-m",
                "local.services.moto_server",
                str(plan.ports.aws),
                str(plan.folders.outbox),
            ),
            cwd=ROOT,
            env=processes.inherited_environment() | {"MOTO_ACCOUNT_ID": ACCOUNT},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )


async def _listening(moto: asyncio.subprocess.Process, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            if moto.returncode is not None:
                raise ServiceEnded("AWS (moto) did not start: see .slowmatch/logs/moto.log") from None
            await asyncio.sleep(0.03)
        else:
            writer.close()
            return


def service_addresses(plan: Plan) -> dict[str, str]:
    return {
        "PostgreSQL": f"{HOST}:{plan.ports.postgres}",
        "AWS endpoint": plan.ports.aws_url,
        "SMTP": f"{HOST}:{plan.ports.smtp}",
        "sam local": f"--env-vars {plan.folders.data / 'sam-env.json'}",
    }


def write_sam_environment(plan: Plan) -> None:
    """Write the local values of the functions' variables for `sam local ... --env-vars`.

    In a container 127.0.0.1 is not this machine, but localhost is (samconfig.toml: add_host).
    """
    values = local_values(plan.ports, plan.environ)
    document = json.dumps({"Parameters": values}, indent=2).replace(HOST, "localhost")
    (plan.folders.data / "sam-env.json").write_text(document + "\n", encoding="utf-8")
