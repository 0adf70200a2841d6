"""Which runs: the filter of the list and of bulk actions, as conditions made of constant fragments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Every field narrows; None does not. Times are aware and bound `created_at`."""

    state: str | None = None
    job: str | None = None
    trigger: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    text: str | None = None
    retrying: bool | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """A condition on `run`, and its parameters."""
        parts = ["true"]
        params: dict[str, Any] = {}
        for name, fragment in _FRAGMENTS.items():
            value = getattr(self, name)
            if value is not None:
                parts.append(fragment)
                params[name] = value
        if self.retrying:
            parts.append("run.state = 'scheduled' AND run.failures > 0")
        return " AND ".join(parts), params


_FRAGMENTS = {
    "state": "run.state = :state",
    "job": "run.job = :job",
    "trigger": "run.trigger = :trigger",
    "created_from": "run.created_at >= CAST(:created_from AS timestamptz)",
    "created_to": "run.created_at < CAST(:created_to AS timestamptz)",
    "text": """(
        (run.error IS NOT NULL AND search_words(run.error) @@ search_query(CAST(:text AS text)))
        OR (run.payload <> '{}' AND search_words(run.payload::text) @@ search_query(CAST(:text AS text)))
        OR run.id::text = lower(CAST(:text AS text))
    )""",
}
