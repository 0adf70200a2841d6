"""One run with its attempts, events and log, and pages of each.

A Lambda response has at most 6 MB, and JSON inside JSON may double in size. So each list is cut by its size as JSON
as well as by its length.
"""

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.model import Attempt, Event, JsonRow, LogLine, RunDetails
from slowmatch.jobs.queries.runs import RUN_FIELDS

LOG_LINES = 1_000
"""How many of the last lines of a run's log are read by default."""

MAX_RERUNS = 10
"""How many of the runs that were made from a run are read."""

PAGE_BYTES = 2_000_000
MAX_PART_ITEMS = 100_000
"""More than a page of PAGE_BYTES holds."""
TEXT_CHARACTERS = 500_000

Part = Literal["attempts", "events", "log"]
JsonField = Literal["payload", "result"]


class PartPage(NamedTuple):
    """Some items, oldest first, and the `place` of the last one if there are more."""

    items: list[JsonRow]
    last: int | None


class FoundLines(NamedTuple):
    """Lines of a log, oldest first, and whether there are earlier ones that match."""

    lines: list[LogLine]
    has_more: bool


class TextPage(NamedTuple):
    """Some of a JSON text, and the characters up to its end if there are more."""

    text: str
    end: int | None


class _List(NamedTuple):
    """A table of parts of runs: its type, order, longest text, rows as JSON, and how much of it the details have."""

    table: str
    kind: type[JsonRow]
    place: str
    text: str
    item: str
    limit: str
    max_bytes: int


_ITEM = "to_jsonb(part) - 'run_id' - 'bytes_before'"
_LINE = """json_build_object(
    'id', id, 'attempt', attempt, 'at', at, 'level', level, 'message', message
)"""  # jsonb takes twice as long for a long log
_LISTS: dict[Part, _List] = {
    "attempts": _List(
        "job_attempt", Attempt, "number", text="traceback", item=_ITEM, limit="100", max_bytes=300_000
    ),
    "events": _List("job_event", Event, "id", text="reason", item=_ITEM, limit="200", max_bytes=150_000),
    "log": _List(
        "job_log", LogLine, "id", text="message", item=_LINE, limit=":log_lines::integer", max_bytes=400_000
    ),
}


def details(con: Connection, run_id: str, log_lines: int = LOG_LINES) -> RunDetails | None:
    """The run with its last attempts, events and `log_lines` of its log; None when there is no such run."""
    key = ("details", run_id, log_lines)
    rows = cached(con, key, lambda: con.query(_DETAILS, id=run_id, log_lines=log_lines))
    return RunDetails.from_json(json.loads(rows[0][0])) if rows else None


def part(con: Connection, run_id: str, name: Part, after: int, limit: int) -> PartPage | None:
    """Up to `limit` of a run's attempts, events or log lines `after` a place; None when there is no such run."""
    for items, last, more in con.query(_PAGES[name], id=run_id, after=after, limit=limit):
        return PartPage([_LISTS[name].kind.from_json(item) for item in items], last if more else None)
    return None


def search_log(con: Connection, run_id: str, text: str, levels: Sequence[str]) -> FoundLines:
    """The last lines of a run's log that contain `text`, whatever its case, of these levels, or of all if empty."""
    values = {"id": run_id, "text": text, "levels": list(levels), "log_lines": LOG_LINES}
    key = ("log", run_id, text, *levels)
    ((items, has_more),) = cached(con, key, lambda: con.query(_FOUND_LINES, **values))
    return FoundLines([LogLine.from_json(item) for item in items], has_more)


def json_text(con: Connection, run_id: str, field: JsonField, start: int = 0) -> TextPage | None:
    """The next TEXT_CHARACTERS of a payload or result as JSON text; None when there is no such run."""
    end = start + TEXT_CHARACTERS
    rows = con.query(_TEXTS[field], id=run_id, start=min(start, 10**9) + 1, number=TEXT_CHARACTERS)
    if not rows:
        return None
    text, length = rows[0]
    return TextPage(text, end if length > end else None)


# The first item is taken whatever its size, so that a page is never empty. A text is no longer than its JSON, so what
# comes after `max_bytes` of texts is left out without becoming JSON: of a thousand lines full of signs to escape, that
# would be 48 MB. Its length is known without reading it.
_SIZED = """
    SELECT place, item, row_number() OVER so_far <= {limit}
        AND (sum(octet_length(item::text)) OVER so_far <= {max_bytes} OR row_number() OVER so_far = 1) AS fits
    FROM (
        SELECT {place} AS place, CASE WHEN COALESCE(bytes_before, 0) <= {max_bytes} THEN {item} END AS item
        FROM (
            SELECT *, sum(octet_length({text})) OVER before AS bytes_before
            FROM (
                SELECT * FROM {table} WHERE {condition} ORDER BY {place} {order} LIMIT {limit} + 1
            ) AS chosen
            WINDOW before AS (ORDER BY {place} {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        ) AS part
    ) AS candidates
    WINDOW so_far AS (ORDER BY place {order})
"""
_NEWEST = f"""
    SELECT COALESCE(json_agg(item ORDER BY place) FILTER (WHERE fits), '[]') AS items,
           (SELECT count(*) FROM {{table}} WHERE run_id = run.id) - count(*) FILTER (WHERE fits) AS earlier
    FROM ({_SIZED}) AS sized
"""
# A handler's end that is older than the stop belongs to a stop before that.
_LINKS = f"""
    'rerun_of', (
        SELECT earlier.id FROM job_rerun JOIN job_run AS earlier ON earlier.id = rerun_of
        WHERE run_id = run.id
    ),
    'reruns', (
        SELECT COALESCE(json_agg(run_id ORDER BY run_id), '[]')
        FROM (
            SELECT run_id FROM job_rerun WHERE rerun_of = run.id
            ORDER BY run_id DESC
            LIMIT {MAX_RERUNS}
        ) AS latest
    ),
    'handler_ended_at', CASE WHEN run.handler_ended_at >= run.finished_at THEN run.handler_ended_at END,
    'stop_noticed', CASE WHEN run.handler_ended_at >= run.finished_at THEN run.stop_noticed END
"""
_DETAILS = """
    SELECT json_build_object({fields}, {lists}, {links})::text
    FROM job_run AS run, {sources}
    WHERE run.id = :id::uuid
""".format(
    fields=RUN_FIELDS,
    links=_LINKS,
    lists=", ".join(f"'{name}', {name}.items, '{name}_earlier', {name}.earlier" for name in _LISTS),
    sources=", ".join(
        f"LATERAL ({_NEWEST.format(**each._asdict(), condition='run_id = run.id', order='DESC')}) AS {name}"
        for name, each in _LISTS.items()
    ),
)
_PAGE = f"""
    SELECT page.* FROM job_run AS run, LATERAL (
        SELECT COALESCE(json_agg(item ORDER BY place) FILTER (WHERE fits), '[]'),
               max(place) FILTER (WHERE fits), count(*) > count(*) FILTER (WHERE fits)
        FROM ({_SIZED}) AS sized
    ) AS page
    WHERE run.id = :id::uuid
"""
_FOLLOWING = {"order": "ASC", "limit": ":limit::integer", "max_bytes": PAGE_BYTES}
_PAGES = {
    name: _PAGE.format(
        **each._asdict() | _FOLLOWING, condition=f"run_id = run.id AND {each.place} > :after::bigint"
    )
    for name, each in _LISTS.items()
}
_MATCHES = """run_id = :id::uuid
    AND strpos(lower(message), lower(:text::text)) > 0
    AND (cardinality(:levels::text[]) = 0 OR level = ANY(:levels::text[]))"""
_FOUND_LINES = f"""
    SELECT COALESCE(json_agg(item ORDER BY place) FILTER (WHERE fits), '[]'),
           count(*) > count(*) FILTER (WHERE fits)
    FROM ({_SIZED}) AS sized
""".format(**_LISTS["log"]._asdict(), condition=_MATCHES, order="DESC")
_TEXTS = {
    field: f"""
        SELECT substring(text FROM :start::integer FOR :number::integer), length(text)
        FROM (SELECT COALESCE({field}::text, 'null') AS text FROM job_run WHERE id = :id::uuid) AS whole
    """
    for field in ("payload", "result")
}
