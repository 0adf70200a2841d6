"""Cold starts: a new process for every figure."""

import json
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from local import ROOT
from local.processes import inherited_environment

PROBE = ROOT / "benchmarks" / "floors" / "imports_probe.py"


class Start:
    """One way to start a process. Its methods return milliseconds."""

    def __init__(
        self,
        python: Path,
        module: str,
        folders: Sequence[Path],
        env: Mapping[str, str],
        event: Path | None = None,
    ) -> None:
        self._argv = ["-I", "-S", str(PROBE), module, str(event or ""), *map(str, folders)]
        self._python = str(python)
        self._env = inherited_environment() | dict(env)
        self.inside: list[float] = []
        self.answer: dict[str, Any] = {}

    def imported(self, *flags: str) -> float:
        """Time until the module is imported."""
        return self._run(flags)[0]

    def answered(self) -> float:
        """Time until the handler has answered the event."""
        return self._run(())[1]

    def without_bytecode(self) -> float:
        """Time to import without bytecode, in folders that cannot be written to."""
        with tempfile.TemporaryDirectory() as nothing:
            return self.imported("-B", "-X", f"pycache_prefix={nothing}")

    def _run(self, flags: Sequence[str]) -> tuple[float, float]:
        began = perf_counter()
        process = subprocess.Popen(
            [self._python, *flags, *self._argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._env,
            cwd=ROOT,
        )
        with process:
            assert process.stdout
            assert process.stderr
            inside, imported = process.stdout.readline(), perf_counter() - began
            answer, answered = process.stdout.readline(), perf_counter() - began
            said = process.stderr.read().decode(errors="replace")
        assert inside, f"{self._argv} ended with status {process.returncode}; it said:\n{said[-3000:]}"
        self.inside.append(float(inside) * 1000)
        self.answer = json.loads(answer or b"{}")
        return imported * 1000, answered * 1000


def layer(files: Mapping[str, Path], folder: Path) -> Path:
    """Fill the folder with links to the files of a layer."""
    for name in {Path(each).parts[0]: each for each in files}.values():
        file, depth = files[name], len(Path(name).parts) - 1
        (folder / Path(name).parts[0]).symlink_to([file, *file.parents][depth])
    return folder


def runtime(folder: Path) -> Path:
    """Fill the folder with links to what Lambda's runtime contains besides Python: boto3 and its dependencies."""
    for name in ("boto3", "botocore", "s3transfer", "urllib3"):
        (folder / name).symlink_to(Path(import_module(name).__path__[0]))
    return folder


def packages(python: Path) -> Path:
    """The site-packages of a virtual environment with the same version of Python."""
    home = python.parent.parent
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
