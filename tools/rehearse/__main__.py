"""`make rehearse`, after the build."""

import argparse
import asyncio
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from local import ROOT
from local.errors import StackError
from local.services.postgres import Postgres
from local.services.postgres_server import free_port
from tools import tls_certificates
from tools.rehearse import internet, logs, template_copy
from tools.rehearse.deployment import Deployment
from tools.rehearse.ministack import Ministack
from tools.rehearse.scenario import Database, Scenario
from tools.rehearse.steps import step

LOGS = "logs"
INTERRUPTED = 130
"""The exit status of shells after Ctrl-C."""


async def rehearse(build: Path, sam: Path, python: Path, home: Path) -> Counter[str]:
    """Rehearse, and end everything that was started. Returns the number of created resources by type."""
    log_folder = home / LOGS
    async with AsyncExitStack() as stack:
        with step("copy the build, start PostgreSQL and ministack"):
            changes = template_copy.copy_build(build, home / ".aws-sam" / "build")
            made = tls_certificates.make(home, hosts=internet.HOSTS)
            database = Database(free_port(), secrets.token_urlsafe(24))
            postgres = Postgres(
                home / "postgres",
                database.password,
                port=database.port,
                log=log_folder / "postgres.log",
                report=lambda _: None,
            )
            stack.push_async_callback(postgres.stop)
            await postgres.start()
            ministack = Ministack(python, free_port(), home, log_folder / "ministack.log")
            account = ministack.account
            outside = stack.enter_context(internet.serve(made, account.port))
            stack.push_async_callback(ministack.stop)
            await ministack.start(outside.names, made.authority)
        stack.callback(logs.save, account, log_folder / "functions.log")
        report_changes(changes)
        deployment = Deployment(account, sam, home, authority=made.authority, log=log_folder / "deploy.log")
        return await Scenario(account, deployment, outside, database).run()


def report_changes(changes: template_copy.Changes) -> None:
    """Print what differs from the template, and why."""
    for reason, count in Counter(reason for reason, _ in changes).items():
        print(f"         differs from the template in {count}: {template_copy.REASONS[reason]}")


def report(created: Counter[str], seconds: float) -> None:
    width = max(map(len, created))
    print(f"\nRehearsed in {seconds:.0f} s. These resources were created and deleted:\n")
    for kind, count in sorted(created.items()):
        print(f"  {kind:<{width}} {count:4}")
    print(f"  {'in all':<{width}} {created.total():4}")


async def _until_stopped(options: argparse.Namespace, home: Path) -> int:
    """Returns the exit status. SIGINT, SIGTERM and SIGHUP first end everything in order."""
    began = time.monotonic()
    work = asyncio.create_task(
        rehearse(options.build, options.sam.absolute(), options.python.absolute(), home)
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, work.cancel)
    await asyncio.wait({work})
    if work.cancelled():
        print("\nmake rehearse: stopped, together with everything that it started", file=sys.stderr)
        return INTERRUPTED
    error = work.exception()
    if error is None:
        report(work.result(), time.monotonic() - began)
        return 0
    (home / LOGS / "rehearsal.log").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    said = str(error) if isinstance(error, StackError) else f"{type(error).__name__}: {error}"
    print(f"\nmake rehearse: {said}\nThe logs are in {home / LOGS}", file=sys.stderr)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.rehearse", description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build", help="output of sam build")
    parser.add_argument("--sam", type=Path, required=True, help="the SAM CLI")
    parser.add_argument("--python", type=Path, required=True, help="the Python with ministack")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="slowmatch-rehearsal-"))
    (home / LOGS).mkdir()
    failed = True
    try:
        status = asyncio.run(_until_stopped(options, home))
        failed = status not in (0, INTERRUPTED)
    finally:
        _remove(home, keep=LOGS if failed else None)
    return status


def _remove(home: Path, keep: str | None) -> None:
    for each in home.iterdir():
        if each.name != keep:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    if keep is None:
        home.rmdir()


if __name__ == "__main__":
    sys.exit(main())
