"""Lets containers reach what listens on this machine's loopback, as Docker Desktop does by itself.

On Linux, `--add-host localhost:host-gateway` gives the name `localhost` a second address in the container:
that of Docker's bridge. What is refused on the container's own loopback is tried there, and passed on here.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

BRIDGE = b"docker0"
LOOPBACK = "127.0.0.1"
SIOCGIFADDR = 0x8915  # Linux, netdevice(7): an interface's address

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def bridged(ports: list[int]) -> Iterator[None]:
    """Pass on connections to `ports` of Docker's bridge while the context lasts, where there is one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="bridge", daemon=True)
    thread.start()
    servers = asyncio.run_coroutine_threadsafe(_listen(bridge_address(), ports), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_close(servers), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def bridge_address() -> str | None:
    """This machine's address on Docker's bridge; None where that is elsewhere, as with Docker Desktop."""
    with socket.socket() as probe:
        try:
            answer = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", BRIDGE))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


async def _listen(address: str | None, ports: list[int]) -> list[asyncio.Server]:
    if address is None:
        return []
    return [await asyncio.start_server(_passing_on_to(port), address, port) for port in ports]


def _passing_on_to(port: int) -> Connected:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, port)
            with contextlib.closing(there_writer):
                await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))

    return connected


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _close(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
