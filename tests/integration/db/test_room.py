"""Memory for one search."""

from slowmatch.db import Connection
from slowmatch.db.work_mem import ROOM, room


def test_there_is_more_room_for_one_search_and_for_nothing_after_it(con: Connection) -> None:
    ((usual,),) = con.query("SHOW work_mem")
    with room(con):
        assert con.query("SHOW work_mem") == [[ROOM]] != [[usual]]
    assert con.query("SHOW work_mem") == [[usual]]
