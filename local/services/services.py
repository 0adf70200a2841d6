"""The backing services: PostgreSQL, AWS (moto) with what the template names, and the SMTP catcher."""

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
    from local.services.smtp import Catcher

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """Everything that was decided before anything starts."""

    template_file: Path
    template: Template
    ports: Ports
    folders: Folders
    environ: Mapping[str, str]
    output: Output


class ServiceEnded(StackError):
    """PostgreSQL or moto ended by itself."""


@asynccontextmanager
async def services(plan: Plan) -> AsyncIterator["Services"]:
    """All three start at once, in processes of their own; what is imported here is imported meanwhile."""
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
            caught = starting.create_task(_step(plan, "SMTP", plan.ports.smtp, _catch_mail(plan, stack)))
        write_sam_environment(plan)
        outbox, catcher = caught.result()
        yield Services(provisioned.result(), outbox, catcher, database, moto)


async def _step(plan: Plan, name: str, port: int, work: Awaitable[T]) -> T:
    async with plan.output.step(name, f"starting on {HOST}:{port}"):
        return await work


async def _provision(
    plan: Plan, stack: AsyncExitStack, moto: asyncio.subprocess.Process, secret: str
) -> "Aws":
    await asyncio.sleep(0)  # PostgreSQL first: it starts while this imports
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
    """Whoever restarts the stack signs in anew: the key of the sessions is another one then.

    A client that a real provider knows comes from the shell; who is told of failures is in a file.
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


async def _catch_mail(plan: Plan, stack: AsyncExitStack) -> tuple["Outbox", "Catcher"]:
    from local.services.outbox import Outbox
    from local.services.smtp import Catcher

    outbox = Outbox(plan.folders.outbox)
    catcher = Catcher(outbox, plan.ports.smtp)
    stack.push_async_callback(catcher.stop)
    await catcher.start()
    return outbox, catcher


@dataclass(frozen=True)
class Services:
    aws: "Aws"
    outbox: "Outbox"
    catcher: "Catcher"
    database: Postgres
    moto: asyncio.subprocess.Process

    async def watch(self) -> None:
        """Raises ServiceEnded should a server end."""
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
    """For `sam local ... --env-vars`: the values that the functions get here, as a container has to say them.

    A container's 127.0.0.1 is its own; its localhost is this machine, too (samconfig.toml: add_host).
    """
    values = local_values(plan.ports, plan.environ)
    document = json.dumps({"Parameters": values}, indent=2).replace(HOST, "localhost")
    (plan.folders.data / "sam-env.json").write_text(document + "\n", encoding="utf-8")
