"""Leaves a marker for each run, by the recipe of docs/jobs.md, and dies or fails where it hurts most."""

import os
import signal
from datetime import UTC, datetime

from marker import kinds  # type: ignore[import-not-found]  # a folder of functions/, once it is copied there

from slowmatch.jobs import Context, Continue, serve


def mark(context: Context) -> dict[str, object] | Continue:
    kind = context.payload["number"] % kinds.OF if _execution(context) == 1 else None
    if kind == kinds.DIES_BEFORE_ITS_EFFECT:
        _die()
    if kind == kinds.RAISES:
        raise RuntimeError("the first execution of this run fails")
    context.con.query(
        """
        INSERT INTO marker (run_id, number) VALUES (CAST(:run_id AS uuid), CAST(:number AS integer))
        ON CONFLICT (run_id) DO NOTHING
        """,
        run_id=context.run_id,
        number=context.payload["number"],
    )
    if kind == kinds.DIES_AFTER_ITS_EFFECT:
        _die()
    context.checkpoint()
    return (
        Continue({"marked": True}) if kind == kinds.GOES_ON_LATER else {"marked": context.payload["number"]}
    )


def _execution(context: Context) -> int:
    """Count this execution of the run; which one it is."""
    ((count,),) = context.con.query(
        """
        WITH counted AS (
            INSERT INTO marker_execution (run_id, attempt, said)
            VALUES (CAST(:run_id AS uuid), CAST(:attempt AS integer), CAST(:now AS timestamptz))
        )
        SELECT count(*) + 1 FROM marker_execution WHERE run_id = CAST(:run_id AS uuid)
        """,
        run_id=context.run_id,
        attempt=context.attempt,
        now=datetime.now(UTC),
    )
    return int(count)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


handler = serve("marker", mark)
