"""Offers to load records when there are none."""

import asyncio
import contextlib
import sys

from local.environment import Folders, Ports
from local.errors import StackError
from local.output import Output


async def offer_records(ports: Ports, folders: Folders, output: Output) -> None:
    """Ask once on a terminal, else only mention `make seed`. An error does not stop the stack."""
    with contextlib.suppress(StackError):
        if await asyncio.to_thread(_is_empty, ports, folders):
            await _offer(ports, folders, output)


async def _offer(ports: Ports, folders: Folders, output: Output) -> None:
    asked = folders.data / "seed-offered"
    if not sys.stdin.isatty() or asked.exists():
        output.announce("There are no records yet: `make seed` loads some.")
        return
    asked.touch()
    output.announce("There are no records yet. Load the certificates of the CA bundle as records? [Y/n]")
    if (await _answer()).strip().lower() in ("", "y", "yes"):
        added = await asyncio.to_thread(_load, ports, folders)
        output.announce(f"{added} records loaded: {ports.gateway_url}/api/records")
    else:
        output.announce("You can run `make seed` at any time.")


def _is_empty(ports: Ports, folders: Folders) -> bool:
    from local.seed import records

    with records.connect(ports, folders) as connection:
        return records.is_empty(connection)


def _load(ports: Ports, folders: Folders) -> int:
    from local.seed import records

    with records.connect(ports, folders) as connection:
        return records.add_certificates(connection, records.bundled_certificates())


async def _answer() -> str:
    """Read a line from the terminal without a thread, which would keep the process from ending."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def readable() -> None:
        if not line.done():
            line.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin.fileno(), readable)
    try:
        return await line
    finally:
        loop.remove_reader(sys.stdin.fileno())
