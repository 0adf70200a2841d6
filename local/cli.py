"""`python -m local up | services | seed`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from local import ROOT
from local.environment import Folders, Ports, has_provider, local_values
from local.errors import StackError, leaves
from local.exclusive import FolderLock, check_ports
from local.output import Output

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 after a clean stop, 1 when something failed, 2 when the stack cannot start."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "seed":
            from local.seed import records

            return records.run(Ports(options.port), Folders(options.data), options.rows, options.runs)
        return _serve(options)
    except StackError as error:
        print(f"slowmatch: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description=__doc__,
        epilog="A variable of the functions (MAIL_RECIPIENTS, BATCH_SIZE, ...) that is set in the shell"
        " overrides its value in template.yaml: MAIL_RECIPIENTS=me@example.com make run",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "up": "run the whole stack",
        "services": "run only PostgreSQL, AWS (moto) and SMTP, for tests and sam local",
        "seed": "load records (the certificates of the CA bundle) and optionally synthetic records and runs",
    }.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--port",
            type=port_number,
            default=os.environ.get("PORT", "8080"),
            help="first of four consecutive ports, or five with AUTH=oidc (PORT, 8080)",
        )
        command.add_argument(
            "--data", type=Path, default=ROOT / ".slowmatch", help="folder for data and logs (.slowmatch)"
        )
        if name == "seed":
            command.add_argument("--rows", type=_count, default=0, help="synthetic records to add (0)")
            command.add_argument("--runs", type=_count, default=0, help="synthetic runs to add (0)")
        else:
            command.add_argument(
                "--template", type=Path, default=ROOT / "template.yaml", help="the SAM template"
            )
    return parser


def port_number(text: str) -> int:
    """A type for argparse, which prints the message of the error."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535, such as 9000")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number such as 1000000")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    ports, folders = Ports(options.port), Folders(options.data.resolve())
    try:
        folders.create()
        lock = FolderLock(folders.data)
    except OSError as error:
        raise StackError(
            f"{folders.data} cannot hold the stack's data: {error}. If another user created it, start the"
            f" stack as that user, or remove it to start with empty data"
        ) from error
    try:
        _check_log_level(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
        check_ports(ports, _wants_provider(options, ports))
        return asyncio.run(_until_stopped(options, ports, folders))
    finally:
        lock.release()


def _check_log_level(level: str) -> None:
    """Check the one variable that Powertools reads, whose error would not name it."""
    if level.upper() not in LOG_LEVELS:
        raise StackError(f"POWERTOOLS_LOG_LEVEL is {level!r}: must be one of {', '.join(LOG_LEVELS)}")


def _wants_provider(options: argparse.Namespace, ports: Ports) -> bool:
    chosen = local_values(ports, os.environ)["AUTH"]
    if chosen not in ("local", "oidc"):
        raise StackError(f"AUTH is {chosen!r}: must be local (everybody on this machine is an admin) or oidc")
    wanted = has_provider(ports, os.environ)
    if wanted and options.command == "services":
        raise StackError(
            "AUTH=oidc needs a provider, which only make run starts: omit AUTH with make services"
        )
    return wanted


async def _until_stopped(options: argparse.Namespace, ports: Ports, folders: Folders) -> int:
    """Run until one of STOP_SIGNALS, which may come during the start too. Returns the exit status."""
    output = Output()
    work = asyncio.create_task(_run(options, ports, folders, output))
    loop = asyncio.get_running_loop()
    stop_requested = asyncio.Event()

    def stop() -> None:
        if not stop_requested.is_set():  # a second Ctrl-C does not interrupt the stop
            stop_requested.set()
            output.stopping()
            work.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    await asyncio.wait({work})
    for number in STOP_SIGNALS:  # a late Ctrl-C must not interrupt the exit
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    error = None if work.cancelled() else work.exception()
    for failure in leaves(error) if error else []:
        if not isinstance(failure, StackError):
            raise failure
        output.line(f"slowmatch: {failure}")
    if (
        stop_requested.is_set()
    ):  # errors of that moment do not count: a server may have received the signal too
        output.line("stopped")
        return 0
    return 1


async def _run(options: argparse.Namespace, ports: Ports, folders: Folders, output: Output) -> None:
    from local.services.services import Plan, service_addresses, services
    from local.template import job_check, reader

    file = options.template.resolve()
    job_check.check(file)
    plan = Plan(
        template_file=file,
        template=reader.read(file, ports.aws),
        ports=ports,
        folders=folders,
        environ=os.environ,
        output=output,
    )
    output.line(f"Slowmatch on this machine, data in {folders.data}")
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(services(plan))
        work: list[Coroutine[Any, Any, None]] = []
        addresses = service_addresses(plan)
        if options.command == "services":
            from local.services.docker_bridge import bridged

            if bridge := stack.enter_context(bridged(ports.services)):
                output.line(f"Containers can reach the services through Docker's bridge ({bridge})")
        else:
            from local.stack import start
            from local.ui import state

            work = await start(plan, running, stack)
            addresses = state.addresses(ports, os.environ)
        output.ready(addresses)
        async with asyncio.TaskGroup() as until_stopped:
            for part in (running.watch(), *work):
                until_stopped.create_task(part)
