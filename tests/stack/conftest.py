"""The whole stack on this machine, started once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack_process import ROOT, Stack, running

LEASE_SECONDS = 5
"""The job functions' time-out in these tests, so that a lost attempt is found soon."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with running(folder, template=_impatient(folder)) as stack:
        yield stack


def _impatient(folder: Path) -> Path:
    """The project's template, with short time-outs and visibility for the job functions."""
    text = (ROOT / "template.yaml").read_text()
    text = re.sub(r"\bTimeout: (180|120)\b", f"Timeout: {LEASE_SECONDS}", text)
    text = re.sub(r"VisibilityTimeout: (1080|720)\b", f"VisibilityTimeout: {LEASE_SECONDS * 3}", text)
    text = re.sub(r"((?:Code|Content)Uri): (.+)", rf"\1: {ROOT}/\2", text)
    template = folder / "template.yaml"
    template.write_text(text)
    return template
