from slowmatch.db import Connection
from slowmatch.db.text_search import WORK_MEM, with_work_mem


def test_a_search_has_more_memory_than_other_statements(con: Connection) -> None:
    ((usual,),) = con.query("SHOW work_mem")
    with with_work_mem(con):
        assert con.query("SHOW work_mem") == [[WORK_MEM]] != [[usual]]
    assert con.query("SHOW work_mem") == [[usual]]
