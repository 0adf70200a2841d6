"""PgQueuer's worker with a job that does nothing, as in the quickstart of its documentation."""

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
    """Enqueue jobs, without measuring."""
    await Queries.from_asyncpg_connection(connection).enqueue(["noop"] * times, [None] * times, [0] * times)


async def enqueue_many(connection: asyncpg.Connection, times: int) -> float:
    """Enqueue a list of jobs."""
    queries = Queries.from_asyncpg_connection(connection)
    began = perf_counter()
    await queries.enqueue(["noop"] * times, [None] * times, [0] * times)
    return perf_counter() - began


async def work(connection: asyncpg.Connection, batch: int) -> dict[str, float]:
    """Execute the waiting jobs, `batch` at a time, with a worker that ends when the queue is empty.

    The time ends with the last job, not with the worker: that may sleep a moment before it sees that
    nothing is left. What it still has to write down about its last batch then is left out in its favour.
    """
    before = await connection.fetchval(_ENDED)
    pgq = PgQueuer.from_asyncpg_connection(connection)
    last = began = perf_counter()

    @pgq.entrypoint("noop")
    async def noop(job: Job) -> None:  # noqa: ARG001 - the signature of a job
        nonlocal last
        last = perf_counter()

    await pgq.run(batch_size=batch, mode=QueueExecutionMode.drain)
    return {"seconds": last - began, "done": await connection.fetchval(_ENDED) - before}


def connected(action: Callable[..., Awaitable[object]]) -> Callable[..., object]:
    """Make a command of the action, with its own connection and event loop."""

    async def run(**words: int) -> object:
        connection = await asyncpg.connect(os.environ["DATABASE_URL"])
        try:
            return await action(connection, **words)
        finally:
            await connection.close()

    return lambda **words: asyncio.run(run(**words))


if __name__ == "__main__":
    serve({action.__name__: connected(action) for action in (install, fill, enqueue_many, work)})
