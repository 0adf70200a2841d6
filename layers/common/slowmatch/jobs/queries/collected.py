"""Since when there are hourly figures: before that nobody counted, which is not the same as nothing happened."""

from datetime import datetime

from slowmatch.db import Connection

_FIRST = {
    "runs": "SELECT min(hour) FROM job_hour",
    "records": "SELECT min(hour) FROM record_hour",
}


def since(con: Connection, subject: str) -> datetime | None:
    """The first hour with a figure about `subject`, which is runs or records; None when there is none."""
    ((first,),) = con.query(_FIRST[subject])
    found: datetime | None = first
    return found
