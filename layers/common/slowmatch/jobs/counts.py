"""How many runs there are in each state, each counted through an index and never further than CAP."""

from slowmatch.db import Connection
from slowmatch.db.counts import CAP, Count, capped
from slowmatch.db.unchanged import unchanged

STATES = ("enqueued", "scheduled", "processing", "succeeded", "failed", "deleted")
WHICH = {state: f"state = '{state}'" for state in STATES} | {
    "retries": "state = 'scheduled' AND failures > 0"
}
COUNTS = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM (SELECT FROM job_run WHERE {which} ORDER BY id LIMIT {CAP + 1}) AS counted)"
    for which in WHICH.values()
)


def counts(con: Connection) -> dict[str, Count]:
    """Runs by state, and `retries`: those of the scheduled ones that failed before."""
    (row,) = unchanged(con, "counts", lambda: con.query(COUNTS))
    return {name: capped(number) for name, number in zip(WHICH, row, strict=True)}
