import asyncio
from pathlib import Path

import pytest

from local.lambda_runtime import watch
from tests.unit.local.support import eventually, run


def test_written_added_and_removed_files_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL_SECONDS", 0.02)
    kept, gone, alone = tmp_path / "a" / "kept.py", tmp_path / "a" / "gone.py", tmp_path / "alone.yaml"
    kept.parent.mkdir()
    for file in (kept, gone, alone):
        file.write_text("1")

    async def test() -> None:
        seen: set[Path] = set()
        task = asyncio.create_task(watch.watch([tmp_path / "a", alone], seen.update))
        await asyncio.sleep(0)
        kept.write_text("22")
        gone.unlink()
        alone.write_text("22")
        new = tmp_path / "a" / "new.sql"
        new.write_text("1")
        await eventually(lambda: seen == {kept, gone, alone, new})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(test())


def test_caches_and_hidden_files_do_not_matter(tmp_path: Path) -> None:
    before = watch.snapshot([tmp_path, tmp_path / "missing"])
    for name in (".hidden", "__pycache__/app.pyc", "node_modules/x.js"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("1")
    assert watch.snapshot([tmp_path, tmp_path / "missing"]) == before == {}
