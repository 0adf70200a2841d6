"""A wrong change of the code, as the TOML files beside this module list them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutant:
    """Breaks `rule` by replacing `old`, which occurs once in `file`, by `new`; one of `tests` must then fail.

    `file` and `tests`, separated by spaces, are paths from the project's root.
    """

    rule: str
    file: str
    old: str
    new: str
    tests: str

    def problem(self, root: Path = ROOT) -> str | None:
        """Why it cannot be applied; None if it can."""
        path = root / self.file
        if not path.is_file():
            return f"there is no file {self.file}"
        found = path.read_text("utf-8").count(self.old)
        if found != 1:
            return f"{self.file} has {self.old!r} {found} times, not once"
        missing = [test for test in self.tests.split() if not (root / test).exists()]
        return f"there is no test {missing[0]}" if missing else None

    def apply(self, root: Path) -> None:
        path = root / self.file
        path.write_text(path.read_text("utf-8").replace(self.old, self.new), "utf-8")


def read_all() -> list[Mutant]:
    """Those of a run's life, the dispatcher, notifications, HTTP, records and mail."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return [Mutant(**each) for file in files for each in tomllib.loads(file.read_text("utf-8"))["mutant"]]
