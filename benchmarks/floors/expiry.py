"""The floor of expiry and cleanup: one statement on a bare connection."""

from time import perf_counter

from benchmarks.floors.bare import connect
from benchmarks.peers.protocol import serve

_CON = connect()


def expire() -> dict[str, float]:
    return _run("UPDATE record SET is_expired = true WHERE NOT is_expired AND expiry_date <= now()")


def clean_up() -> dict[str, float]:
    return _run("DELETE FROM record WHERE is_expired AND expiry_date <= now() - interval '30 days'")


def _run(sql: str) -> dict[str, float]:
    began = perf_counter()
    _CON.run(sql)
    return {"seconds": perf_counter() - began, "done": _CON.row_count}


if __name__ == "__main__":
    serve({"expire": expire, "clean_up": clean_up})
