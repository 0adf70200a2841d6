"""What PostgreSQL means to do."""

import json
from typing import Any

from slowmatch.db import Connection


def indexes_of(con: Connection, sql: str, **values: object) -> set[str]:
    """The indexes in the statement's plan; a plan that reads a whole table fails the test."""
    ((plan,),) = con.query("EXPLAIN (FORMAT JSON) " + sql, **values)
    nodes = list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}, plan
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def pages_read(con: Connection, sql: str, **values: object) -> int:
    """How many pages of tables and indexes the statement reads."""
    ((found,),) = con.query("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, **values)
    plan = found[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(inner for plan in node.get("Plans", []) for inner in _nodes(plan))]
