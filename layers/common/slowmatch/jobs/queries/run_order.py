"""The orders of lists of runs that an index carries, and the cursors of their pages."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slowmatch.jobs.ids import parse_run_id


@dataclass(frozen=True, slots=True)
class RunOrder:
    """By the time in `column`, then by id; by id alone, which is by creation, if it is `id`."""

    column: str
    is_descending: bool = True

    @property
    def sql(self) -> str:
        direction = "DESC" if self.is_descending else "ASC"
        return f"id {direction}" if self.column == "id" else f"{self.column} {direction}, id {direction}"

    @property
    def reverse(self) -> "RunOrder":
        return RunOrder(self.column, not self.is_descending)

    @property
    def cursor(self) -> str:
        """SQL for the cursor of a row of job_run."""
        return "id::text" if self.column == "id" else f"to_json({self.column}) #>> '{{}}' || ' ' || id"

    def after(self, cursor: str) -> tuple[str, dict[str, Any]]:
        """A condition on `run` for the rows behind a cursor, and its parameters. Raises ValueError for no cursor."""
        sign = "<" if self.is_descending else ">"
        *times, text = cursor.split(" ")
        run_id = parse_run_id(text)
        if run_id is None or len(times) != (self.column != "id"):
            raise ValueError(f"{cursor!r} is not a cursor of this list")
        if not times:
            return f"run.id {sign} :before::uuid", {"before": run_id}
        at = datetime.fromisoformat(times[0])
        if at.tzinfo is None:
            raise ValueError(f"{at} has no UTC offset")
        try:
            given = {"before": run_id, "before_at": at.astimezone(UTC)}
        except OverflowError as error:
            raise ValueError(f"{at} is out of range") from error
        return f"(run.{self.column}, run.id) {sign} (:before_at::timestamptz, :before::uuid)", given


NEWEST_FIRST = RunOrder("id")
