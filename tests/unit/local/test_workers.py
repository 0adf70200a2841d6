"""Functions' processes: the real awslambdaric with a tiny function."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.lambda_runtime import pool as pool_module
from local.lambda_runtime.invocation import Result
from local.lambda_runtime.pool import Pool
from local.lambda_runtime.process import process_environment
from local.lambda_runtime.runtime_api import RuntimeApi
from local.template.model import Function, Template
from tests.unit.local.support import FakeLog, alive, eventually


@asynccontextmanager
async def running(function: Function, log: FakeLog | None = None) -> AsyncIterator[Pool]:
    api = RuntimeApi()
    await api.start()
    pool = Pool(function, process_environment(function, {"GREETING": "hello"}), api, log or FakeLog())
    try:
        yield pool
    finally:
        await pool.stop()
        await api.stop()


def is_busy(pool: Pool) -> bool:
    return any(process["state"] == "busy" for process in pool.processes)


async def call(pool: Pool, **event: Any) -> dict[str, Any]:
    result = await pool.invoke(json.dumps(event).encode())
    assert result.error is None, result
    return dict(json.loads(result.payload))


async def fail(pool: Pool, **event: Any) -> dict[str, Any]:
    result = await pool.invoke(json.dumps(event).encode())
    assert result.error == "Unhandled", result
    return result.document()


@pytest.fixture
def function(tiny: Template) -> Function:
    return tiny.functions[0]


@pytest.fixture
def editable(function: Function, tmp_path: Path) -> Function:
    """The function with code that a test may edit."""
    code = tmp_path / "functions"
    shutil.copytree(function.code, code, ignore=shutil.ignore_patterns("__pycache__"))
    return replace(function, code=code)


async def test_a_process_serves_one_invocation_after_another(function: Function) -> None:
    async with running(function) as pool:
        first, second = await call(pool), await call(pool)
        assert (first["pid"], second["calls"]) == (second["pid"], 2)
        assert first["request_id"] != second["request_id"]
        assert first["layer"] == "from the layer"
        assert 0 < second["left_ms"] <= 60_000


@pytest.mark.parametrize("portable", [False, True])
async def test_an_exception_is_the_functions_error_with_either_client(
    function: Function, monkeypatch: pytest.MonkeyPatch, portable: bool
) -> None:
    """awslambdaric has no native client for every platform."""
    if portable:
        monkeypatch.setattr("local.lambda_runtime.process.has_native_client", lambda: False)
    async with running(function) as pool:
        error = await fail(pool, do="raise", message="ü")
        assert (error["errorType"], error["errorMessage"]) == ("ValueError", "ü")
        second = await call(pool)
        assert second["calls"] == 2
        assert second["client"].endswith("portable/runtime_client.py") is portable


async def test_the_environment_is_lambdas_and_nothing_of_the_users(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a real one")
    monkeypatch.setenv("OF_THE_USER", "x")
    async with running(function) as pool:
        environment = (await call(pool))["environment"]
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "slowmatch-TinyFunction"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["LAMBDA_TASK_ROOT"] == str(function.code)
    assert environment["AWS_ACCESS_KEY_ID"] == "local"
    assert environment["GREETING"] == "hello"
    assert "OF_THE_USER" not in environment


@pytest.mark.parametrize(("status", "said"), [(3, "exit status 3"), (0, "exit status 0")])
async def test_a_process_that_exits_is_replaced(function: Function, status: int, said: str) -> None:
    log = FakeLog()
    async with running(function, log) as pool:
        error = await fail(pool, do="exit", status=status)
        assert error["errorType"] == "Runtime.ExitError"
        assert said in str(error["errorMessage"])
        assert any(said in line for line in log.reported)
        assert (await call(pool))["calls"] == 1


async def test_a_process_killed_in_the_middle_is_lambdas_exit_error(
    function: Function, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    async with running(function) as pool:
        await call(pool)
        invocation = asyncio.create_task(fail(pool, do="sleep", seconds=30, begun=str(begun)))
        await eventually(begun.exists)  # a process is busy before it has the event
        os.kill(int(str(pool.processes[0]["pid"])), signal.SIGKILL)
        error = await invocation
        assert error["errorType"] == "Runtime.ExitError"
        assert "signal: killed" in str(error["errorMessage"])


async def test_an_idle_process_that_was_killed_is_not_asked(function: Function) -> None:
    async with running(function) as pool:
        first = (await call(pool))["pid"]
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: not pool.processes)
        assert (await call(pool))["pid"] != first


async def test_a_time_out_kills_the_process_and_what_it_started(function: Function, tmp_path: Path) -> None:
    log, file = FakeLog(), tmp_path / "child"
    async with running(replace(function, timeout=3), log) as pool:
        error = await fail(pool, do="leave a child", file=str(file))
        assert error["errorType"] == "Sandbox.Timedout"
        assert "Task timed out after 3.00 seconds" in str(error["errorMessage"])
        assert "timed out" in log.reported[0]
        assert not pool.processes
        await eventually(lambda: not alive(int(file.read_text())))


async def test_more_work_means_more_processes_up_to_the_limit(function: Function, tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with running(function) as pool:
        calls = [asyncio.create_task(call(pool, do="wait for", file=str(go))) for _ in range(5)]
        await eventually(lambda: len(pool.processes) == 3)
        go.touch()
        answers = await asyncio.gather(*calls)
        assert len({answer["pid"] for answer in answers}) == 3
        assert len(pool.processes) == 3


async def test_edited_code_is_used_after_the_present_invocation(editable: Function, tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with running(editable) as pool:
        old = (await call(pool))["pid"]
        present = asyncio.create_task(call(pool, do="wait for", file=str(go)))
        await eventually(lambda: is_busy(pool))
        (editable.code / "tiny" / "app.py").write_text(
            "def handler(event, context):\n    return {'new': 1}\n"
        )
        pool.retire()
        assert await call(pool) == {"new": 1}
        go.touch()
        assert (await present)["pid"] == old
        await eventually(lambda: not alive(old))


async def test_broken_code_is_said_once_and_works_when_repaired(editable: Function) -> None:
    log, app = FakeLog(), editable.code / "tiny" / "app.py"
    good = app.read_text()
    app.write_text("def handler(:\n")
    async with running(editable, log) as pool:
        for _ in range(2):
            error = await fail(pool)
            assert error["errorType"] == "Runtime.UserCodeSyntaxError"
        assert len(log.reported) == 1
        assert "cannot start: Runtime.UserCodeSyntaxError" in log.reported[0]
        assert "app.py" in log.reported[0]
        assert not log.shown
        await eventually(lambda: not pool.processes)
        app.write_text(good)
        pool.retire()
        assert (await call(pool))["calls"] == 1


async def test_a_handler_that_hangs_while_it_is_imported_is_given_up(
    editable: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.lambda_runtime.worker.INIT_SECONDS", 0.5)
    (editable.code / "tiny" / "app.py").write_text("import time\ntime.sleep(60)\n")
    async with running(editable) as pool:
        assert (await fail(pool))["errorType"] == "Sandbox.Timedout"
        await eventually(lambda: not pool.processes)


async def test_a_process_that_ends_during_import_is_an_exit_error(editable: Function) -> None:
    (editable.code / "tiny" / "app.py").write_text("import os\nprint('so long')\nos._exit(7)\n")
    log = FakeLog()
    async with running(editable, log) as pool:
        for _ in range(2):
            assert (await fail(pool))["errorMessage"] == "Runtime exited with error: exit status 7"
    assert log.recorded == ["so long"] * 2
    assert len(log.reported) == 1


async def test_an_answer_above_six_megabytes_is_refused(function: Function) -> None:
    async with running(function) as pool:
        error = await fail(pool, do="much", bytes=6 * 1024 * 1024 + 200)
        assert error["errorType"] == "Function.ResponseSizeTooLarge"
        assert (await call(pool))["calls"] == 2


async def test_lines_are_shown_and_a_huge_one_comes_in_pieces(function: Function) -> None:
    log = FakeLog()
    async with running(function, log) as pool:
        await call(pool, do="say", text="hello\nthere")
        await call(pool, do="say", text="x" * 3_000_000)
        await eventually(lambda: len("".join(log.shown)) >= 3_000_010)
    assert log.shown[:2] == ["hello", "there"]


async def test_an_idle_process_is_ended_after_a_while(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(function) as pool:
        await call(pool)
        pool.reap()
        assert pool.processes
        monkeypatch.setattr(pool_module, "IDLE_SECONDS", -1.0)
        pool.reap()
        await eventually(lambda: not pool.processes)


async def test_a_warm_pool_has_a_process_before_the_first_invocation(function: Function) -> None:
    async with running(function) as pool:
        await pool.warm()
        (process,) = pool.processes
        assert (await call(pool))["pid"] == process["pid"]
        await pool.warm()
        assert len(pool.processes) == 1


async def test_stopping_leaves_no_process(function: Function) -> None:
    async with running(function) as pool:
        invocations = [asyncio.create_task(pool.invoke(b'{"do": "sleep", "seconds": 30}')) for _ in "ab"]
        await eventually(lambda: len(pool.processes) == 2)
        pids = [int(str(process["pid"])) for process in pool.processes]
        await pool.stop()
        assert not any(alive(pid) for pid in pids)
        results: list[Result] = await asyncio.gather(*invocations)
        assert all(result.error for result in results)


async def test_a_process_that_cannot_be_started_is_an_error(function: Function, tmp_path: Path) -> None:
    log = FakeLog()
    async with running(replace(function, code=tmp_path / "gone"), log) as pool:
        error = await fail(pool)
        assert error["errorType"] == "Sandbox.StartFailed"
        assert "cannot start a process" in log.reported[0]
