"""What `make security` leaves out is answered, and nothing is answered that it does not leave out."""

import re

from tests.sam.template import ROOT

LEFT_OUT = re.findall(r"^  - (CKV_\w+)$", (ROOT / ".checkov.yaml").read_text(encoding="utf-8"), re.MULTILINE)
ANSWERS = (ROOT / "docs" / "security-checks.md").read_text(encoding="utf-8")


def test_every_check_that_is_left_out_has_its_answer() -> None:
    rows = [line.strip("| ").split(" | ") for line in ANSWERS.splitlines() if line.startswith("| `CKV_")]
    assert [row[0].strip("`") for row in rows] == LEFT_OUT == sorted(set(LEFT_OUT), key=LEFT_OUT.index)
    assert all(len(row) == 4 and len(row[3]) > 40 for row in rows)
