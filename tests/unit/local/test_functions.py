import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from local.environment import Folders, Ports
from local.lambda_runtime.functions import Functions
from local.output import Output
from local.services.services import Plan
from local.template.model import Template
from tests.unit.local.support import alive, eventually


@asynccontextmanager
async def functions(template: Template, folder: Path) -> AsyncIterator[Functions]:
    folders = Folders(folder)
    folders.create()
    plan = Plan(
        template_file=folder / "template.yaml",
        template=template,
        ports=Ports(1),
        folders=folders,
        environ={"SHARED": "from the shell"},
        output=Output(io.StringIO()),
    )
    started = Functions(plan)
    await started.start()
    try:
        yield started
    finally:
        await started.stop()


def pids(started: Functions, template: Template) -> list[int]:
    return [int(str(process["pid"])) for process in started.processes(template.functions[0])]


async def test_an_invocation_goes_on_when_nobody_waits_any_more(tiny: Template, tmp_path: Path) -> None:
    go, written = tmp_path / "go", tmp_path / "written"
    event = {"Records": [{"body": json.dumps({"file": str(written)}), "messageId": "m"}]}
    async with functions(tiny, tmp_path / "data") as started:
        busy = [
            asyncio.create_task(started.invoke(tiny.functions[0], _event(do="wait for", file=str(go))))
            for _ in range(3)
        ]
        waiting = asyncio.create_task(started.invoke(tiny.functions[0], json.dumps(event).encode()))
        await eventually(lambda: len(pids(started, tiny)) == 3)
        waiting.cancel()
        go.touch()
        await asyncio.gather(*busy)
        await eventually(written.exists)


async def test_a_failed_asynchronous_invocation_is_tried_again(
    tiny: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture's function allows one retry: two attempts in all."""
    monkeypatch.setattr("local.lambda_runtime.functions.RETRY_AFTER_SECONDS", (0.05, 0.05))
    written = tmp_path / "written"
    body = json.dumps({"file": str(written), "raise": "no"})
    async with functions(tiny, tmp_path / "data") as started:
        event = json.dumps({"Records": [{"body": body, "messageId": "m"}]}).encode()
        started.invoke_async(tiny.functions[0], event)
        await eventually(lambda: written.exists() and len(written.read_text().splitlines()) == 2)
        result = await started.invoke(tiny.functions[0], b"{}")
        assert result.error is None
    assert len(written.read_text().splitlines()) == 2


async def test_stopping_waits_a_little_and_then_leaves_no_process(
    tiny: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.lambda_runtime.functions._GRACE_SECONDS", 3.0)
    results: list[Any] = []

    async def keep(seconds: float) -> None:
        event = _event(do="sleep", seconds=seconds)
        results.append((seconds, (await started.invoke(tiny.functions[0], event)).error))

    async with functions(tiny, tmp_path) as started:
        await asyncio.gather(keep(0.2), keep(0.2))  # so that both processes have started
        results.clear()
        before = pids(started, tiny)
        tasks = [asyncio.create_task(keep(0.3)), asyncio.create_task(keep(60))]
        await asyncio.sleep(0)  # both are sent
    await asyncio.gather(*tasks)
    assert results == [(0.3, None), (60, "Unhandled")]
    assert not any(alive(pid) for pid in before)


def _event(**event: Any) -> bytes:
    return json.dumps(event).encode()
