"""procrastinate's worker and its `defer`, as in a process that does only this."""

import asyncio
from time import perf_counter

from benchmarks.peers.procrastinate_worker.app import app, noop
from benchmarks.peers.protocol import serve

_ENDED = "SELECT count(*) AS ended FROM procrastinate_jobs WHERE status = 'succeeded'"


def install() -> None:
    with app.open():
        app.schema_manager.apply_schema()


def fill(times: int) -> None:
    """Enqueue jobs, without measuring."""
    with app.open():
        noop.batch_defer(*({"number": number} for number in range(times)))


def work() -> dict[str, float]:
    """Execute the waiting jobs one at a time, with a worker that ends when the queue is empty."""

    async def drain() -> float:
        async with app.open_async():
            began = perf_counter()
            await app.run_worker_async(
                queues=["noop"], concurrency=1, wait=False, install_signal_handlers=False
            )
            return perf_counter() - began

    before = ended()
    return {"seconds": asyncio.run(drain()), "done": ended() - before}


def enqueue(times: int) -> float:
    """Defer one job after another, as a synchronous web application does."""
    with app.open():
        noop.defer(number=0)
        began = perf_counter()
        for number in range(times):
            noop.defer(number=number)
        return perf_counter() - began


def ended() -> int:
    """How many jobs have succeeded."""
    with app.open():
        return int(app.connector.get_sync_connector().execute_query_one(_ENDED)["ended"])


if __name__ == "__main__":
    serve({"install": install, "fill": fill, "work": work, "enqueue": enqueue})
