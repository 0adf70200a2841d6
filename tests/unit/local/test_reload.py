import asyncio
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from watchfiles import Change

from local.environment import Folders, Ports
from local.lambda_runtime.reload import VisibleFiles, reload
from local.output import Output
from local.services.services import Plan
from local.template.model import Function, Template
from tests.unit.local.support import eventually


class FakeFunctions:
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
    return Plan(
        template_file=file,
        template=template,
        ports=Ports(1),
        folders=Folders(tmp_path),
        environ={},
        output=Output(io.StringIO()),
    )


@pytest.mark.parametrize(
    ("edited", "retired", "migrated", "said"),
    [
        ("functions/app.py", 1, [], "reloaded: app.py"),
        ("functions/report/job.py", 1, [], "functions/report/job.py: line 1: NameError"),
        ("layer/0002_new.sql", 1, ["MigrateFunction"], "reloaded: 0002_new.sql"),
        ("template.yaml", 0, [], "restart the stack"),
    ],
)
async def test_an_edit_has_its_effect(
    plan: Plan,
    edited: str,
    retired: int,
    migrated: list[str],
    said: str,
) -> None:
    shown = io.StringIO()
    functions: Any = FakeFunctions()
    task = asyncio.create_task(reload(replace(plan, output=Output(shown)), functions, "MigrateFunction"))
    for _ in range(5):  # until both watchers have begun
        await asyncio.sleep(0)
    edited_file = plan.template_file.parent / edited
    new = edited_file.with_name(f".{edited_file.name}.new")
    new.write_text("edited")
    new.replace(edited_file)
    await eventually(lambda: said in shown.getvalue())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert functions.retired == retired
    assert functions.invoked == migrated


@pytest.mark.parametrize(
    ("name", "is_watched"),
    [
        ("app.py", True),
        ("0002_new.sql", True),
        (".app.py.swp", False),
        (".hidden", False),
        ("app.pyc", False),
    ],
)
def test_hidden_files_and_caches_are_not_watched(name: str, is_watched: bool) -> None:
    assert VisibleFiles()(Change.modified, f"/project/functions/{name}") == is_watched
    assert not VisibleFiles()(Change.modified, f"/project/functions/__pycache__/{name}")
