"""Overrides of parameters are read as the installed SAM CLI reads them: its own parser is asked."""

import json
import random
import subprocess
from typing import Any

from local.errors import StackError
from tests.sam.template import ROOT
from tools.deploy import parameter_overrides

SEED = 17
PIECES = ["A=", "B=", "a", "b", '"', "'", "\\", " ", "=", ",", "1"]
CHARACTERS = "ab \"'\\=,()*?é"
PARSER = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
parse = CfnParameterOverridesType().convert
print(json.dumps([parse(written, None, None) for written in json.load(sys.stdin)]))
"""


def test_what_is_accepted_arrives_as_the_sam_cli_passes_it_on() -> None:
    pieces = random.Random(SEED)
    texts = ["".join(pieces.choices(PIECES, k=pieces.randint(1, 9))) for _ in range(5000)]
    read = {text: _read(text) for text in texts}
    accepted = [text for text in texts if read[text] is not None]
    assert len(accepted) > 500
    assert _passed_on([[text] for text in accepted]) == [read[text] for text in accepted]


def test_the_spelling_that_is_shown_arrives_whole() -> None:
    characters = random.Random(SEED)
    values = ["".join(characters.choices(CHARACTERS, k=characters.randint(0, 8))) for _ in range(5000)]
    spelled = {value: parameter_overrides.spelled("A", value) for value in values}
    assert [value for value in values if spelled[value] is None and "\\" not in value] == []
    writable = [value for value in values if spelled[value]]
    assert _passed_on([[spelled[value]] for value in writable]) == [{"A": value} for value in writable]


def _read(text: str) -> dict[str, str] | None:
    try:
        return parameter_overrides.parse([text])
    except StackError:
        return None


def _passed_on(written: Any) -> Any:
    python = ROOT / ".venv-sam" / "bin" / "python"
    answer = subprocess.run(
        [python, "-c", PARSER], input=json.dumps(written), capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)
