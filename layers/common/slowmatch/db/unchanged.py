"""Answers that are made anew only when something was written since: a page that nobody changed costs one look.

The sign is PostgreSQL's own snapshot: as long as it reads the same, every statement would find the same rows.
After a crash, which may take back what did not wait for the disk, another process of the server says so.
"""

import pickle
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from slowmatch.db.connection import Connection

T = TypeVar("T")

MOST = 200
"""Answers kept for one connection; a write anywhere in the server forgets them all."""

_SNAPSHOT = """
    SELECT pg_current_snapshot() || ' ' || pg_backend_pid(), pg_current_xact_id_if_assigned() IS NULL
"""
_kept: WeakKeyDictionary[Connection, tuple[str, dict[Hashable, bytes]]] = WeakKeyDictionary()


def unchanged(con: Connection, key: Hashable, make: Callable[[], T]) -> T:
    """What `make()` answered for `key` last time if nothing was written since, else what it answers now.

    `make` must depend on nothing but `key` and the database: what depends on the time has it in its key.
    Inside a transaction that wrote something nothing is kept.
    """
    ((snapshot, is_reading),) = con.query(_SNAPSHOT)
    if not is_reading:
        return make()
    seen, answers = _kept.get(con, ("", {}))
    if seen != snapshot or len(answers) >= MOST:
        answers = {}
        _kept[con] = (snapshot, answers)
    found = answers.get(key)
    if found is not None:
        kept: Any = pickle.loads(found)  # noqa: S301 - made a moment ago, by this process
        return kept  # type: ignore[no-any-return]
    made = make()
    answers[key] = pickle.dumps(made)
    return made
