"""Files that only their owner may read."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Mode 0600 from the first moment on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
