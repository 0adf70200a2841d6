"""Notices edits: compares the modification times of the code's files once a second."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

INTERVAL_SECONDS = 1.0
_SKIPPED = {"__pycache__", "node_modules"}

Snapshot = dict[str, tuple[int, int]]


async def watch(paths: list[Path], changed: Callable[[set[Path]], None]) -> None:
    """Call `changed` with the files that were written, added or removed; until cancelled."""
    before = snapshot(paths)
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        now = snapshot(paths)
        if now != before:
            different = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
            before = now
            changed({Path(name) for name in different})


def snapshot(paths: list[Path]) -> Snapshot:
    """Modification time and size of every file below `paths`, hidden ones and caches left out."""
    return dict(entry for path in paths for entry in _files(path))


def _files(path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        entries = list(os.scandir(path)) if path.is_dir() else []
        if path.is_file():
            status = path.stat()
            yield str(path), (status.st_mtime_ns, status.st_size)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        try:
            if entry.is_dir():
                yield from _files(Path(entry.path))
            else:
                status = entry.stat()
                yield entry.path, (status.st_mtime_ns, status.st_size)
        except OSError:  # removed while we look
            continue
