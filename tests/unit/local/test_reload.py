import asyncio
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.environment import Folders, Ports
from local.lambda_runtime import watch
from local.lambda_runtime.reload import reload
from local.output import Output
from local.services.services import Plan
from local.template.model import Function, Template
from tests.unit.local.support import eventually, run


class Pretended:
    def __init__(self) -> None:
        self.retired = 0
        self.invoked: list[str] = []

    def retire(self) -> None:
        self.retired += 1

    def find(self, name: str) -> Any:
        return name

    def invoke_async(self, function: Any, _: bytes) -> None:
        self.invoked.append(function)


@pytest.fixture
def plan(tiny: Template, tmp_path: Path) -> Plan:
    code, layer, file = tmp_path / "functions", tmp_path / "layer", tmp_path / "template.yaml"
    (code / "report").mkdir(parents=True)
    layer.mkdir()
    file.write_text("Resources: {}")
    function: Function = replace(tiny.functions[0], code=code, layers=(layer,))
    template = replace(tiny, functions=(function,))
    return Plan(file, template, Ports(1), Folders(tmp_path), {}, Output(io.StringIO()))


@pytest.mark.parametrize(
    ("edited", "retired", "migrated", "said"),
    [
        ("functions/app.py", 1, [], "reloaded: app.py"),
        ("functions/report/job.py", 1, [], "functions/report/job.py: line 1: NameError"),
        ("layer/0002_new.sql", 1, ["MigrateFunction"], "reloaded: 0002_new.sql"),
        ("template.yaml", 0, [], "restart the stack"),
    ],
)
def test_an_edit_has_its_effect(
    plan: Plan,
    monkeypatch: pytest.MonkeyPatch,
    edited: str,
    retired: int,
    migrated: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(watch, "INTERVAL_SECONDS", 0.02)
    shown = io.StringIO()
    functions: Any = Pretended()

    async def test() -> None:
        task = asyncio.create_task(reload(replace(plan, output=Output(shown)), functions, "MigrateFunction"))
        await asyncio.sleep(0)
        (plan.template_file.parent / edited).write_text("edited")
        await eventually(lambda: said in shown.getvalue())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(test())
    assert functions.retired == retired
    assert functions.invoked == migrated
