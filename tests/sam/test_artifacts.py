"""What `sam build` made, looked at under the runtime's own Python with nothing beside it but its layer."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from local.template import yaml_tags
from tests.sam import template
from tests.sam.template import ROOT

BUILD = ROOT / ".aws-sam" / "build"
LAYER = BUILD / "CommonLayer" / "python"
SIGN_IN = BUILD / "SignInLayer" / "python"
FUNCTIONS = sorted(template.functions())
JOBS = sorted(template.job_functions())
APIS = sorted(template.api_functions())

# boto3 is not there either: it is imported where it is used, since importing it costs 200 ms.
IMPORT = """
import importlib, importlib.util, json, os, sys
sys.path[:0] = sys.argv[1:3]
module, name = sys.argv[3].rsplit(".", 1)
handler = getattr(importlib.import_module(module), name)
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
built = [file for file in files if file.endswith(".py") and file.startswith(tuple(sys.argv[1:3]))]
compiled = [os.path.exists(importlib.util.cache_from_source(file)) for file in built]
print(json.dumps({
    "callable": callable(handler),
    "modules": sorted(sys.modules),
    "to_compile": [file for file, there in zip(built, compiled) if not there],
}))
"""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_built_handler_imports(function: str) -> None:
    assert _imported(function)["callable"]


@pytest.mark.parametrize("function", JOBS)
def test_a_job_s_function_starts_without_pydantic_and_jinja2(function: str) -> None:
    assert {"pydantic", "jinja2"} & set(_imported(function)["modules"]) == set()


@pytest.mark.parametrize("function", APIS)
def test_a_function_behind_the_api_starts_without_heavy_libraries(function: str) -> None:
    heavy = {"jwt", "cryptography", "itsdangerous", "boto3", "urllib.request"}
    assert heavy & set(_imported(function)["modules"]) == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cold_start_compiles_nothing(function: str) -> None:
    assert _imported(function)["to_compile"] == []


def test_the_sign_in_layer_has_what_verifies_tokens_and_cookies() -> None:
    imports = "import jwt, itsdangerous; from cryptography.hazmat.primitives.asymmetric import rsa"
    result = _python(f"import sys; sys.path[:0] = sys.argv[1:]; {imports}", SIGN_IN)
    assert result.returncode == 0, result.stderr


def test_no_layer_repeats_what_the_other_has() -> None:
    both = {path.name for path in SIGN_IN.iterdir()} & {path.name for path in LAYER.iterdir()}
    assert both <= {"requirements.in", "requirements.txt", "bin"}


def test_every_file_of_the_layer_is_built() -> None:
    assert _files(ROOT / "layers/common/slowmatch") - _files(LAYER / "slowmatch") == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_file_of_the_functions_is_built(function: str) -> None:
    assert _files(ROOT / "functions") - _files(BUILD / function) == set()


def test_the_built_template_accepts_only_its_own_processor() -> None:
    built = yaml_tags.load(BUILD / "template.yaml")
    architecture = built["Parameters"]["Architecture"]
    assert architecture["AllowedValues"] == [architecture["Default"]]


@cache
def _imported(function: str) -> Any:
    handler = template.functions()[function]["Handler"]
    result = _python(IMPORT, BUILD / function, LAYER, handler, LAMBDA_TASK_ROOT=str(BUILD / function))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def _python(code: str, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    names = {"POWERTOOLS_SERVICE_NAME": "slowmatch", "POWERTOOLS_METRICS_NAMESPACE": "Slowmatch"}
    return subprocess.run(
        [os.environ.get("RUNTIME_PYTHON", "python3.13"), "-I", "-S", "-B", "-c", code, *arguments],
        env=names | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}
