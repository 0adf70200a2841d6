"""A server in a thread of its own, on a port that the operating system chooses while binding it."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

WAIT_SECONDS = 60


@contextmanager
def listening(
    protocol: Callable[[], asyncio.BaseProtocol],
    tls: ssl.SSLContext | None = None,
    address: str = "127.0.0.1",
) -> Iterator[int]:
    """Its port. `protocol` is called in the server's event loop, for each connection."""
    connections: list[asyncio.Transport] = []

    def connect() -> asyncio.BaseProtocol:
        connected = protocol()
        begin = connected.connection_made

        def connection_made(transport: asyncio.Transport) -> None:
            connections.append(transport)
            begin(transport)

        connected.connection_made = connection_made  # type: ignore[method-assign, assignment]
        return connected

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_SECONDS)

    try:
        server = run(loop.create_server(connect, address, 0, ssl=tls))
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            run(_stop(server, connections))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


async def _stop(server: asyncio.Server, connections: list[asyncio.Transport]) -> None:
    """Close the connections too: `Server.close` leaves them open, and so would the end of the loop."""
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    for transport in connections:
        transport.abort()
    await asyncio.sleep(0)  # until the loop has closed their sockets
