"""The size of a deployment: the layers beside the zip file that a peer of the same API would upload.

Both contain every file of every locked distribution, as pip installed it on this machine, except bin/; the code beside
it; and the bytecode of both, as `make build` compiles it.
"""

import io
import json
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.bench import Bench
from benchmarks.harness.results import Measure, at_most, times_better
from local import ROOT

Files = Mapping[str, Path]
MB = 1_000_000
NOT_DEPLOYED = ("requirements", "program")
UNUSED_MODULES = re.compile(r"^\w+ := (/\(pydantic\S+)$", re.MULTILINE)
"""In the Makefile: the modules that `make build` does not compile."""

LIST = """
import importlib.metadata, json, sys
found = {}
for wanted in sys.argv[1:]:
    name, condition, _ = wanted.partition(";")
    try:
        files = importlib.metadata.files(name)
    except importlib.metadata.PackageNotFoundError:
        if not condition:
            raise
    else:
        found |= {str(file): str(file.locate()) for file in files}
print(json.dumps(found))
"""


def guarantees(bench: Bench) -> None:
    """Each side is complete, with bytecode only of modules that are used, and without pip."""
    with deployed(bench, layer(bench)) as ours, deployed(bench, peer(bench)) as theirs:
        for side, started in (
            (ours, ("slowmatch/settings.py", "pg8000/native.py", "pydantic/main.py")),
            (theirs, ("app.py", "fastapi/applications.py", "psycopg/connection.py", "mangum/adapter.py")),
        ):
            assert {*started, *map(cache_from_source, started)} <= set(side)
            assert not [name for name in side if name.startswith(("pip/", "pydantic/v1/__pycache__/"))]


def measure(bench: Bench) -> Iterator[Measure]:
    with (
        deployed(bench, layer(bench)) as ours,
        deployed(bench, peer(bench)) as theirs,
        deployed(bench, sign_in_layer(bench)) as sign_in,
    ):
        series = _sizes(unzipped, ours, theirs)
        yield Measure(
            name="artifact_unzipped",
            title="the layer, unzipped",
            unit="MB",
            series=series,
            goals=[at_most(series, 20, "MB"), times_better(series, "FastAPI", 2)],
            note="This is the layer that every function has.",
        )
        series = _sizes(zipped, ours, theirs)
        yield Measure(
            name="artifact_zipped",
            title="the layer, zipped",
            unit="MB",
            series=series,
            goals=[times_better(series, "FastAPI", 2)],
        )
        yield Measure(
            name="artifact_with_sign_in",
            title="the API with its sign-in, unzipped",
            unit="MB",
            series=_sizes(unzipped, {**ours, **sign_in}, {**theirs, **sign_in}),
            note="The functions behind the HTTP API have a second layer, which verifies tokens and cookies and is"
            " mostly the package cryptography. The peer has no sign-in; the last row adds the same packages to it.",
        )


def _sizes(size: Callable[[Files], float], ours: Files, theirs: Files) -> dict[str, list[float]]:
    return {"Slowmatch": [size(ours)], "FastAPI": [size(theirs)]}


def layer(bench: Bench) -> Files:
    folder = ROOT / "layers" / "common"
    return {**_installed(bench.python, folder), **_beside(folder, folder / "slowmatch")}


def sign_in_layer(bench: Bench) -> Files:
    return _installed(bench.python, ROOT / "layers" / "sign_in")


def peer(bench: Bench) -> Files:
    folder = ROOT / "benchmarks" / "peers" / "fastapi_app"
    return {**_installed(bench.peer("fastapi_app"), folder), **_beside(folder, folder)}


@contextmanager
def deployed(bench: Bench, files: Files) -> Iterator[Files]:
    """The files and their bytecode, as `make build` would compile them."""
    (unused,) = UNUSED_MODULES.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    with TemporaryDirectory() as folder:
        for name, file in files.items():
            link = Path(folder, name)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
        compiling = "-m compileall -q -j 0 --invalidation-mode unchecked-hash -x".split()
        subprocess.run([bench.python, *compiling, unused, folder], check=True)
        yield {str(file.relative_to(folder)): file for file in Path(folder).rglob("*") if file.is_file()}


def unzipped(files: Files) -> float:
    return sum(file.stat().st_size for file in files.values()) / MB


def zipped(files: Files) -> float:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(files.items()):
            archive.write(file, name)
    return target.tell() / MB


def _installed(python: Path, folder: Path) -> Files:
    """The installed files of the folder's locked packages, by their path in site-packages."""
    lock = (folder / "requirements.txt").read_text(encoding="utf-8")
    pinned = ["".join(found) for found in re.findall(r"^([\w.-]+)==\S+ ?(;)?", lock, re.MULTILINE)]
    listed = subprocess.run([python, "-c", LIST, *pinned], check=True, stdout=subprocess.PIPE, text=True)
    return {name: Path(file) for name, file in json.loads(listed.stdout).items() if _is_carried(name)}


def _is_carried(name: str) -> bool:
    return not name.startswith("..") and "__pycache__" not in name


def _beside(folder: Path, sources: Path) -> Files:
    found = (file for file in sources.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.relative_to(folder)): file for file in found if not file.name.startswith(NOT_DEPLOYED)}
