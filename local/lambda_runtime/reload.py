"""Edited code is used from the next invocation on, without a restart of the stack."""

from pathlib import Path

from local.errors import StackError
from local.lambda_runtime.functions import Functions
from local.lambda_runtime.watch import watch
from local.services.services import Plan
from local.template import job_check


async def reload(plan: Plan, functions: Functions, migrate: str) -> None:
    """Retire processes when their code changes, and apply a new migration at once; until cancelled."""
    code = {folder for function in plan.template.functions for folder in (function.code, *function.layers)}

    def changed(files: set[Path]) -> None:
        names = ", ".join(sorted(file.name for file in files))
        if files == {plan.template_file}:
            plan.output.note(f"{names} has changed: restart the stack to use it")
            return
        plan.output.note(f"reloaded: {names}")
        functions.retire()
        if any(file.name == "job.py" for file in files):
            try:
                job_check.check(plan.template_file)
            except StackError as error:
                plan.output.note(str(error))
        function = functions.find(migrate)
        if function is not None and any(file.suffix == ".sql" for file in files):
            functions.invoke_async(function, b"{}")

    await watch([*sorted(code), plan.template_file], changed)
