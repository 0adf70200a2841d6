"""Room for the rows that an index finds, in a search among millions."""

from collections.abc import Iterator
from contextlib import contextmanager

from slowmatch.db.connection import Connection

ROOM = "64MB"


@contextmanager
def room(con: Connection) -> Iterator[None]:
    """What is found in here may be much: beyond PostgreSQL's usual 4 MB it would look at every row of every page."""
    with con.transaction():
        con.query("SELECT set_config('work_mem', :room, true)", room=ROOM)
        yield
