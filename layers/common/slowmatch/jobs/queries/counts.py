"""How many runs there are in each state, each counted through an index."""

from slowmatch.db import Connection
from slowmatch.db.counts import Census, Count
from slowmatch.db.unchanged import unchanged

STATES = ("enqueued", "scheduled", "processing", "succeeded", "failed", "deleted")
CENSUS = Census(
    "job_run",
    {state: (f"state = '{state}'", "id") for state in STATES}
    | {"retries": ("state = 'scheduled' AND failures > 0", "id")},
)


def counts(con: Connection) -> dict[str, Count]:
    """Runs by state, and `retries`: those of the scheduled ones that failed before."""
    return unchanged(con, "counts", lambda: CENSUS.take(con))
