"""A copy of the project with one more job, added as docs/jobs.md says: a folder, and a row in the template."""

import shutil
from pathlib import Path

from tests.support.project_copy import copy_deployed
from tests.support.stack_process import with_timeouts

LEASE_SECONDS = 5
"""The job functions' time-out, so that a lost attempt is found soon."""
VISIBILITY_SECONDS = 10
BATCH = 5
CONCURRENCY = 4

_TABLES = """
CREATE TABLE marker (run_id uuid PRIMARY KEY, number integer NOT NULL);
CREATE TABLE marker_execution (
    run_id uuid NOT NULL,
    attempt integer NOT NULL,
    said timestamptz NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX marker_execution_run ON marker_execution (run_id);
"""
_ROW = (
    f"    Marker: {{ Name: marker, Handler: marker.app.handler, Timeout: {LEASE_SECONDS},"
    f" Visibility: {VISIBILITY_SECONDS}, Batch: {BATCH}, Concurrency: {CONCURRENCY} }}\n"
)
_SHIFT = "import marker.clock\n"


def copy_with_markers(folder: Path, shifted: tuple[str, ...] = ()) -> Path:
    """Returns the template. The clocks of the functions named in `shifted` go wrong in two of three processes."""
    template = copy_deployed(folder)
    shutil.copytree(Path(__file__).with_name("marker"), folder / "functions" / "marker")
    common = folder / "layers" / "common" / "slowmatch"
    (common / "db" / "migrations" / "9000_marker.sql").write_text(_TABLES)
    for name in shifted:
        _insert(folder / "functions" / name / "app.py", "", _SHIFT)
    template.write_text(with_timeouts(template.read_text(), LEASE_SECONDS, VISIBILITY_SECONDS))
    _insert(template, "\n  Job:\n", _ROW)
    _insert(template, "\n  Fn::ForEach::Jobs:\n    - Job\n    - [", "Marker, ")
    return template


def _insert(file: Path, after: str, text: str) -> None:
    before, found, rest = file.read_text().partition(after) if after else ("", "", file.read_text())
    assert found == after, f"{file} has no {after!r}"
    file.write_text(before + found + text + rest)
