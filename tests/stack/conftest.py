"""The whole stack on this machine, started once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack_process import ROOT, Stack, running, with_timeouts

LEASE_SECONDS = 5
"""The job functions' time-out in these tests, so that a lost attempt is found soon."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with running(folder, template=_impatient(folder)) as stack:
        yield stack


def _impatient(folder: Path) -> Path:
    """The project's template beside its code, with short time-outs and visibility for the jobs."""
    for code in ("functions", "layers"):
        (folder / code).symlink_to(ROOT / code)
    template = folder / "template.yaml"
    text = (ROOT / template.name).read_text(encoding="utf-8")
    template.write_text(with_timeouts(text, LEASE_SECONDS, LEASE_SECONDS * 3), encoding="utf-8")
    return template
