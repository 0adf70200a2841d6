"""A task that does nothing, on procrastinate, as its documentation's quickstart has it."""

import os

import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))


@app.task(queue="noop")
async def noop(number: int) -> None:
    """Nothing: what is measured is the work around it."""
