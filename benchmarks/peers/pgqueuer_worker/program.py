"""PgQueuer's worker with a job that does nothing, as its documentation's quickstart has it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from time import perf_counter

import asyncpg
from pgqueuer import Job, PgQueuer, Queries
from pgqueuer.types import QueueExecutionMode

from benchmarks.peers.protocol import serve

_ENDED = "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'"


async def install(connection: asyncpg.Connection) -> None:
    await Queries.from_asyncpg_connection(connection).install()


async def fill(connection: asyncpg.Connection, times: int) -> None:
    """Put jobs in, unmeasured."""
    await Queries.from_asyncpg_connection(connection).enqueue(["noop"] * times, [None] * times, [0] * times)


async def work(connection: asyncpg.Connection, batch: int) -> dict[str, float]:
    """Do what is there, `batch` jobs at a time, with a worker that ends when nothing is left.

    The time ends with the last job, not with the worker: that may sleep a moment before it sees that
    nothing is left. What it still has to write down about its last batch then is left out in its favour.
    """
    before = await connection.fetchval(_ENDED)
    pgq = PgQueuer.from_asyncpg_connection(connection)
    last = began = perf_counter()

    @pgq.entrypoint("noop")
    async def noop(job: Job) -> None:  # noqa: ARG001 - what a job is given
        nonlocal last
        last = perf_counter()

    await pgq.run(batch_size=batch, mode=QueueExecutionMode.drain)
    return {"seconds": last - began, "done": await connection.fetchval(_ENDED) - before}


def connected(action: Callable[..., Awaitable[object]]) -> Callable[..., object]:
    """The action as a command: with a connection and an event loop of its own."""

    async def run(**words: int) -> object:
        connection = await asyncpg.connect(os.environ["DATABASE_URL"])
        try:
            return await action(connection, **words)
        finally:
            await connection.close()

    return lambda **words: asyncio.run(run(**words))


if __name__ == "__main__":
    serve(
        {name: connected(action) for name, action in {"install": install, "fill": fill, "work": work}.items()}
    )
