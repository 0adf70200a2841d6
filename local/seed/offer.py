"""On the first run there is nothing to see: offers to load records."""

import asyncio
import contextlib
import sys

from local.environment import Folders, Ports
from local.errors import StackError
from local.output import Output


async def offer_records(ports: Ports, folders: Folders, output: Output) -> None:
    """Ask once when somebody sits at a terminal; otherwise only say what to do. Never a reason to stop."""
    with contextlib.suppress(StackError):
        if await asyncio.to_thread(_is_empty, ports, folders):
            await _offer(ports, folders, output)


async def _offer(ports: Ports, folders: Folders, output: Output) -> None:
    asked = folders.data / "seed-offered"
    if not sys.stdin.isatty() or asked.exists():
        output.announce("There are no records yet: `make seed` loads real ones that expire.")
        return
    asked.touch()
    output.announce(
        "There are no records yet. Load the certificates of the CA bundle, which really expire? [Y/n]"
    )
    if (await _answer()).strip().lower() in ("", "y", "yes"):
        added = await asyncio.to_thread(_load, ports, folders)
        output.announce(f"{added} records loaded: {ports.gateway_url}/api/records")
    else:
        output.announce("`make seed` does it at any time.")


def _is_empty(ports: Ports, folders: Folders) -> bool:
    from local.seed import records

    with records.connect(ports, folders) as connection:
        return records.is_empty(connection)


def _load(ports: Ports, folders: Folders) -> int:
    from local.seed import records

    with records.connect(ports, folders) as connection:
        return records.add_certificates(connection, records.bundled_certificates())


async def _answer() -> str:
    """A line from the terminal, without a thread that would keep the process from ending."""
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
