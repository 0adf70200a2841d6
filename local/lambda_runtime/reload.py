"""Makes the functions use edited code from the next invocation on, without a restart of the stack.

Where the system reports no file events, as in some containers, WATCHFILES_FORCE_POLLING=true compares the files
at intervals instead.
"""

import asyncio
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from local.errors import StackError
from local.lambda_runtime.functions import Functions
from local.services.services import Plan
from local.template import job_check


class VisibleFiles(DefaultFilter):
    """Leaves out caches and the temporary files of editors, and also every hidden file."""

    ignore_entity_patterns = (*DefaultFilter.ignore_entity_patterns, r"^\.")


async def reload(plan: Plan, functions: Functions, migrate: str) -> None:
    """Stop outdated processes when their code changes, and apply new migrations; until cancelled."""
    try:
        async with asyncio.TaskGroup() as watchers:
            watchers.create_task(_watch_code(plan, functions, migrate))
            watchers.create_task(_watch_template(plan))
    except* OSError as error:
        plan.output.note(
            f"edits to the code are not detected; restart the stack to use them: {error.exceptions[0]}"
        )


async def _watch_code(plan: Plan, functions: Functions, migrate: str) -> None:
    folders = {folder for function in plan.template.functions for folder in (function.code, *function.layers)}
    async for changes in awatch(*folders, watch_filter=VisibleFiles()):
        files = {Path(name) for _, name in changes}
        plan.output.note(f"reloaded: {', '.join(sorted(file.name for file in files))}")
        functions.retire()
        if any(file.name == "job.py" for file in files):
            try:
                job_check.check(plan.template_file)
            except StackError as error:
                plan.output.note(str(error))
        function = functions.find(migrate)
        if function is not None and any(file.suffix == ".sql" for file in files):
            functions.invoke_async(function, b"{}")


async def _watch_template(plan: Plan) -> None:
    """Watch its folder: most editors save by renaming a new file, which a watch on the old one would miss."""

    def is_template(_: Change, path: str) -> bool:
        return Path(path) == plan.template_file

    async for _ in awatch(plan.template_file.parent, recursive=False, watch_filter=is_template):
        plan.output.note(f"{plan.template_file.name} has changed: restart the stack to use it")
