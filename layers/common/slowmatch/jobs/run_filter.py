"""Which runs: the filter of the list and of bulk actions, as conditions made of constant fragments."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.ids import first_run_id, parse_run_id, run_id_range

CLOCKS = timedelta(hours=1)
"""Identifiers carry the time of the machine that made them, `created_at` has the database's."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Every field narrows; None does not. Times are aware and bound `created_at`.

    `text` is words of the error or payload, the beginning of a run's id, or a job's name.
    """

    state: str | None = None
    job: str | None = None
    trigger: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    text: str | None = None
    retrying: bool | None = None
    error_type: str | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """A condition on `run` for all but the text, and its parameters."""
        parts = ["true"]
        params: dict[str, Any] = {}
        for name, fragment in _FRAGMENTS.items():
            value = getattr(self, name)
            if value is not None:
                parts.append(fragment)
                params[name] = value
        for name, known in _KNOWN.items():
            value = getattr(self, name)
            if value is not None:
                parts.append(known.get(value, f"run.{name} = :{name}"))
                params |= {} if value in known else {name: value}
        if self.created_from is not None:
            params["first_id"] = first_run_id(self.created_from - CLOCKS)
        if self.created_to is not None:
            params["last_id"] = first_run_id(self.created_to + CLOCKS)
        if self._one_run:
            parts.append("run.id = CAST(:run_id AS uuid)")
            params["run_id"] = self._one_run
        if self.retrying:
            parts.append("run.state = 'scheduled' AND run.failures > 0")
        return " AND ".join(parts), params

    def search(self, params: dict[str, Any], *, one_by_one: bool = False) -> str | None:
        """A condition on `run` for a text that is not a run's whole id; its parameters join `params`.

        The same runs are found `one_by_one`, by looking at each, in a tenth of the time and without an index.
        """
        text = (self.text or "").strip()
        if not text or self._one_run:
            return None
        parts = [*(_LETTERS if one_by_one else _WORDS), "run.job = CAST(:text AS text)"]
        params["text"] = text
        ids = run_id_range(text)
        if ids:
            parts.append("run.id BETWEEN CAST(:low_id AS uuid) AND CAST(:high_id AS uuid)")
            params["low_id"], params["high_id"] = ids
        return f"({' OR '.join(parts)})"

    def matching(self) -> tuple[str, dict[str, Any]]:
        """A condition on `run` for all fields; the text is looked up on its own, through the indexes of words."""
        where, params = self.where()
        search = self.search(params)
        if search is not None:
            where += f" AND run.id IN (SELECT run.id FROM job_run AS run WHERE {search} OFFSET 0)"
        return where, params

    @property
    def _one_run(self) -> str | None:
        return parse_run_id((self.text or "").strip())


_FRAGMENTS = {
    "created_from": "run.created_at >= CAST(:created_from AS timestamptz) AND run.id >= CAST(:first_id AS uuid)",
    "created_to": "run.created_at < CAST(:created_to AS timestamptz) AND run.id < CAST(:last_id AS uuid)",
    "error_type": "run.error IS NOT NULL AND split_part(run.error, ':', 1) = CAST(:error_type AS text)",
}
# Values that are known beforehand are written out: PostgreSQL then plans for each whether it is rare.
_KNOWN = {
    column: {value: f"run.{column} = '{value}'" for value in values}
    for column, values in {
        "state": ("enqueued", "scheduled", "processing", "succeeded", "failed", "deleted"),
        "trigger": ("schedule", "api", "console", "direct"),
        "job": tuple(JOBS),
    }.items()
}
# The query is a subselect, so that it is made once and not for every run.
_QUERY = "(SELECT search_query(CAST(:text AS text)))"
_PARTS = """CAST((
    SELECT array_agg('%' || word || '%') FROM unnest(tsvector_to_array(search_words(CAST(:text AS text)))) AS word
) AS text[])"""
_WORDS = (
    f"(run.error IS NOT NULL AND search_words(run.error) @@ {_QUERY})",
    f"(run.payload <> '{{}}' AND search_words(run.payload::text) @@ {_QUERY})",
)
# Most are left out by their letters, before their words are made.
_LETTERS = (
    f"(run.error IS NOT NULL AND lower(run.error) LIKE ALL ({_PARTS}) AND search_words(run.error) @@ {_QUERY})",
    f"""(run.payload <> '{{}}' AND lower(run.payload::text) LIKE ALL ({_PARTS})
        AND search_words(run.payload::text) @@ {_QUERY})""",
)
