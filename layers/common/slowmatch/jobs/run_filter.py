"""The filter of lists of runs and of bulk actions, as SQL conditions made of constant fragments."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.ids import first_run_id, parse_run_id, run_id_range
from slowmatch.jobs.model import JsonRow, RunState, Trigger

MAX_CLOCK_DIFFERENCE = timedelta(hours=1)
"""Ids carry the time of the machine that made them, `created_at` has the database's."""


@dataclass(frozen=True, slots=True)
class RunFilter(JsonRow):
    """Which runs; None matches all. Times are aware; `ended_from` and `ended_to` bound `finished_at`.

    `schedule` is the name of one that was made at run time. No index carries it: it wants a `job`.

    `text` is words of the error or payload, the beginning of a run's id, or a job's name. `bulk_action` is the id of
    the one that changed the runs.
    """

    state: str | None = None
    job: str | None = None
    trigger: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    text: str | None = None
    retrying: bool | None = None
    error_type: str | None = None
    ended_from: datetime | None = None
    ended_to: datetime | None = None
    bulk_action: str | None = None
    schedule: str | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """A condition on `run` for all fields except the text, and its parameters."""
        parts = ["true"]
        params: dict[str, Any] = {}
        for name, condition in _CONDITIONS.items():
            value = getattr(self, name)
            if value in _KNOWN.get(name, ()):
                parts.append(f"run.{name} = '{value}'")
            elif value is not None:
                parts.append(condition)
                params[name] = value
        if self.created_from is not None:
            params["first_id"] = first_run_id(self.created_from - MAX_CLOCK_DIFFERENCE)
        ends = [at for at in (self.created_to, self.ended_to) if at is not None]
        if ends:  # a run that had ended by then was created before
            parts.append("run.id < :last_id::uuid")
            params["last_id"] = first_run_id(min(ends) + MAX_CLOCK_DIFFERENCE)
        if (self.ended_from or self.ended_to) and self.state is None:
            parts.append(_ENDED)
        if self._one_run:
            parts.append("run.id = :run_id::uuid")
            params["run_id"] = self._one_run
        if self.retrying:
            parts.append("run.state = 'scheduled' AND run.failures > 0")
        return " AND ".join(parts), params

    def search(self, params: dict[str, Any], *, one_by_one: bool = False) -> str | None:
        """A condition on `run` for a text that is not a whole id; its parameters are added to `params`.

        With `one_by_one` it matches the same runs without an index, and takes a tenth of the time for each run.
        """
        text = (self.text or "").strip()
        if not text or self._one_run:
            return None
        parts = [*(_LETTERS if one_by_one else _WORDS), "run.job = :text::text"]
        params["text"] = text
        ids = run_id_range(text)
        if ids:
            parts.append("run.id BETWEEN :low_id::uuid AND :high_id::uuid")
            params["low_id"], params["high_id"] = ids
        return f"({' OR '.join(parts)})"

    def matching(self) -> tuple[str, dict[str, Any]]:
        """A condition on `run` for all fields; the text is looked up separately, through the indexes of words."""
        where, params = self.where()
        search = self.search(params)
        if search is not None:
            where += f" AND run.id IN (SELECT run.id FROM job_run AS run WHERE {search} OFFSET 0)"
        return where, params

    @property
    def _one_run(self) -> str | None:
        return parse_run_id((self.text or "").strip())


_CONDITIONS = {
    "state": "run.state = :state",
    "trigger": "run.trigger = :trigger",
    "job": "run.job = :job",
    "schedule": "run.schedule = :schedule",
    "created_from": "run.created_at >= :created_from::timestamptz AND run.id >= :first_id::uuid",
    "created_to": "run.created_at < :created_to::timestamptz",
    "bulk_action": "run.id IN (SELECT run_id FROM bulk_action_run WHERE bulk_action_id = :bulk_action::uuid)",
    "error_type": "run.error IS NOT NULL AND split_part(run.error, ':', 1) = :error_type::text",
    "ended_from": "run.finished_at >= :ended_from::timestamptz",
    "ended_to": "run.finished_at < :ended_to::timestamptz",
}
# By the conditions of the two indexes of ended runs.
_ENDED = "(run.state IN ('succeeded', 'deleted') OR run.state = 'failed')"
# Known values are written out, so that PostgreSQL plans for how rare each is.
_KNOWN = {"state": get_args(RunState), "trigger": get_args(Trigger), "job": tuple(JOBS)}
# In a subselect the search query is made once, not for every run.
_QUERY = "(SELECT search_query(:text::text))"
_PATTERNS = """(
    SELECT array_agg('%' || word || '%') FROM unnest(tsvector_to_array(search_words(:text::text))) AS word
)::text[]"""
_WORDS = (
    f"(run.error IS NOT NULL AND search_words(run.error) @@ {_QUERY})",
    f"(run.payload <> '{{}}' AND search_words(run.payload::text) @@ {_QUERY})",
)
# The letters rule most runs out before their words are computed.
_LETTERS = (
    f"(run.error IS NOT NULL AND lower(run.error) LIKE ALL ({_PATTERNS}) AND search_words(run.error) @@ {_QUERY})",
    f"""(run.payload <> '{{}}' AND lower(run.payload::text) LIKE ALL ({_PATTERNS})
        AND search_words(run.payload::text) @@ {_QUERY})""",
)
